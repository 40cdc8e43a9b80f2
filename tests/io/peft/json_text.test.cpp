// SPDX-License-Identifier: MIT
#include <lorica/io/peft/json_text.hpp>

#include "support/catch.hpp"

#include <lorica/io/json.hpp>

using namespace lorica::io;

TEST_CASE("members sorted, two spaces a level, as Python writes them", "[io][peft]") {
  const auto value = json::parse(R"({"b":[1,2.5,[]],"a":{"y":null,"x":true},"B":{},"c":"\"é"})");
  CHECK(peft::pretty(value) == R"({
  "B": {},
  "a": {
    "x": true,
    "y": null
  },
  "b": [
    1,
    2.5,
    []
  ],
  "c": "\"é"
})");
  CHECK(peft::pretty(3) == "3");
  CHECK(json::dump(json::parse(peft::pretty(value))) ==
        R"({"B":{},"a":{"x":true,"y":null},"b":[1,2.5,[]],"c":"\"é"})");
}
