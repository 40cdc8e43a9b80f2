// SPDX-License-Identifier: MIT
#include <lorica/adapt/placement/select.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using Indices = std::vector<std::size_t>;

namespace {
Indices among(const Select& s) { return s.among(test::sites()); }
std::string error(const Select& s) {
  return test::error_of<ConfigError>([&] { (void)among(s); });
}
}  // namespace

TEST_CASE("patterns match whole paths", "[adapt][placement][select]") {
  CHECK(matches("blocks.3.down", "blocks.3.down"));
  CHECK_FALSE(matches("blocks.3.down", "blocks.3.downs"));
  CHECK_FALSE(matches("blocks.3", "blocks.3.down"));
  CHECK(matches("*", ""));
  CHECK(matches("*", "anything"));
  CHECK(matches("", ""));
  CHECK_FALSE(matches("", "a"));
  CHECK_FALSE(matches("?", ""));
  CHECK(matches("blocks.?.down", "blocks.3.down"));
  CHECK_FALSE(matches("blocks.?.down", "blocks.13.down"));
  CHECK(matches("blocks.*.down", "blocks.13.down"));
  CHECK(matches("*down", "blocks.13.down"));
  CHECK(matches("*o*o*", "blocks.o"));
  CHECK_FALSE(matches("*o*o*o", "blocks.o"));
  CHECK(matches("a**b", "ab"));
  CHECK(matches("*ab", "aab"));  // the star takes back what it gave
  CHECK(matches("*a?c*", "aabacabc"));
  CHECK_FALSE(matches("ab*", "a"));
}

TEST_CASE("what is not said holds everywhere, and all that is said must hold", "[adapt][placement][select]") {
  CHECK(among({}) == Indices{0, 1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(among({.roles = {Role::down}}) == Indices{2, 5, 8});
  CHECK(among({.roles = {Role::down, Role::query}}) == Indices{0, 2, 3, 5, 6, 8});
  CHECK(among({.layers = {2, 0}}) == Indices{0, 1, 2, 6, 7, 8});
  CHECK(among({.paths = {"blocks.1.*"}}) == Indices{3, 4, 5});
  CHECK(among({.paths = {"blocks.1.q", "*.down"}}) == Indices{2, 3, 5, 8});
  CHECK(among({.roles = {Role::down}, .layers = {1}, .paths = {"blocks.*"}}) == Indices{5});
}

TEST_CASE("what matches nothing is an error that says what there is", "[adapt][placement][select]") {
  CHECK(error({.paths = {"blocks.1.*", "layers.*"}}) ==
        "sites: the path 'layers.*' matches none of 9 sites (they are blocks.0.q ... blocks.2.down)");
  CHECK(error({.roles = {Role::down, Role::gate}}) ==
        "sites: the role 'gate' matches none of 9 sites (they are blocks.0.q ... blocks.2.down)");
  CHECK(error({.layers = {1, 3}}) ==
        "sites: layer 3 matches none of 9 sites (they are blocks.0.q ... blocks.2.down)");
  CHECK(error({.layers = {0}, .paths = {"blocks.1.*"}}) ==
        "sites: no site meets all of the conditions on role, layer and path (they are blocks.0.q ... "
        "blocks.2.down)");
  CHECK(test::error_of<ConfigError>([] { (void)Select{}.among({}); }) ==
        "sites: no site meets all of the conditions on role, layer and path (the model has no sites)");
}
