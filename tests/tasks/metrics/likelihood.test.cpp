// SPDX-License-Identifier: MIT
#include <lorica/tasks/metrics/likelihood.hpp>

#include <support/catch.hpp>

using namespace lorica;

TEST_CASE("a loss in nats as perplexity and as bits a byte", "[tasks][metrics]") {
  CHECK(tasks::perplexity(std::log(50.0)) == Approx(50).epsilon(1e-14));
  CHECK(tasks::perplexity(0) == 1);
  CHECK(tasks::bits_per_byte(8 * std::numbers::ln2, 4) == Approx(2).epsilon(1e-15));
  CHECK_THROWS_WITH(tasks::bits_per_byte(1, 0), "bits per byte: a text of 0 bytes, expected at least 1");
}
