// SPDX-License-Identifier: MIT
#include <lorica/io/peft/module.hpp>

#include <lorica/nn/models/gpt2.hpp>

#include "support/catch.hpp"

using namespace lorica;

TEST_CASE("a module is what a function makes of a site", "[io][peft]") {
  const io::peft::ModuleOf of = [](const SiteInfo& s) -> io::peft::Module {
    return {message("transformer.h.", s.layer, ".attn.c_attn"), true};
  };
  const auto m = of(SiteInfo{0, 3, Role::qkv, 4, 12, "blocks.3.qkv"});
  CHECK(m.path == "transformer.h.3.attn.c_attn");
  CHECK(m.conv1d);
  CHECK_FALSE(io::peft::Module{"x"}.conv1d);
}

TEST_CASE("a family names its modules, and a model without names has the paths of its sites", "[io][peft]") {
  const SiteInfo site{0, 3, Role::qkv, 4, 12, "blocks.3.qkv"};
  const auto gpt2 = io::peft::named_by(nn::gpt2_names)(site);
  CHECK(gpt2.path == "transformer.h.3.attn.c_attn");
  CHECK(gpt2.conv1d);
  const auto own = io::peft::named_by({.family = "own", .prefix = {}, .parts = {}})(site);
  CHECK(own.path == "blocks.3.qkv");
  CHECK_FALSE(own.conv1d);
}
