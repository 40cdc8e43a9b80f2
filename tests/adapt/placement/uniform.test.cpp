// SPDX-License-Identifier: MIT
#include <lorica/adapt/placement/uniform.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;

TEST_CASE("uniform: one rank at every site that is meant", "[adapt][placement][uniform]") {
  const auto place = [](const Uniform& u) { return u.place(test::sites(2), {}).rank; };
  CHECK(place({}) == std::vector<index_t>(6, 8));
  CHECK(place({.rank = 3, .sites = {.roles = {Role::value}}}) == std::vector<index_t>{0, 3, 0, 0, 3, 0});
  CHECK(Uniform::asks == grain::none);
  CHECK(test::error_of<ConfigError>([&] { (void)place({.sites = {.layers = {7}}}); }) ==
        "sites: layer 7 matches none of 6 sites (they are blocks.0.q ... blocks.1.down)");
}
