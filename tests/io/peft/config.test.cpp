// SPDX-License-Identifier: MIT
#include <lorica/io/peft/config.hpp>

#include "support/catch.hpp"

using namespace lorica;
using namespace lorica::io::peft;

TEST_CASE("rank and scale of a module are PEFT's", "[io][peft]") {
  // The numbers of PEFT's own tests of scaling.
  Config c{.r = 25,
           .lora_alpha = 17,
           .rank_pattern = {{"embed", 9}, {"conv2d", 16}},
           .alpha_pattern = {{"linear", 11}, {"conv2d", 13}}};
  CHECK(rank_of(c, "linear") == 25);
  CHECK(rank_of(c, "m.embed") == 9);
  CHECK(scale_of(c, "linear") == 11.0 / 25);
  CHECK(scale_of(c, "embed") == 17.0 / 9);
  CHECK(scale_of(c, "m.conv2d") == 13.0 / 16);
  c.use_rslora = true;
  CHECK(scale_of(c, "conv2d") == 13.0 / 4);
  CHECK(scale_of(c, "linear") == 11.0 / 5);
  c = {.r = 16, .lora_alpha = 3, .use_rslora = true};
  CHECK(scale_of(c, "x") == 0.75);
}

TEST_CASE("ADALORA divides by the initial rank whatever is left", "[io][peft]") {
  Config c{.adalora = true, .lora_alpha = 32, .use_rslora = true, .alpha_pattern = {{"q", 1}}};
  CHECK(rank_of(c, "q") == 12);
  CHECK(scale_of(c, "q") == 32 / (12 + 1e-5));
  c.ada.init_r = 3;
  c.ada.kept =
      std::map<std::string, std::vector<bool>>{{"a.q", {true, false, true}}, {"a.k", {false, false, false}}};
  CHECK(rank_of(c, "a.q") == 2);
  CHECK(rank_of(c, "a.k") == 0);
  CHECK(rank_of(c, "a.v") == 3);
  CHECK(scale_of(c, "a.k") == 32 / (3 + 1e-5));
  c.lora_alpha = 0;
  CHECK(scale_of(c, "a.q") == 3 / (3 + 1e-5));
}

TEST_CASE("the kind says which method opens a folder", "[io][peft]") {
  CHECK(kind_of(Config{}) == Kind::lora);
  CHECK(kind_of(Config{.use_dora = true}) == Kind::dora);
  CHECK(kind_of(Config{.lora_bias = true}) == Kind::lora_bias);
  CHECK(kind_of(Config{.adalora = true, .lora_bias = true}) == Kind::adalora);
  CHECK(std::string(name_of(Kind::adalora)) == "ADALORA");
}
