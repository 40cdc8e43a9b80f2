// SPDX-License-Identifier: MIT
#include <lorica/train/out_of_memory.hpp>

#include <lorica/train/estimate.hpp>

#include <support/backends.hpp>
#include <train/tiny.hpp>

#include <limits>

using namespace lorica;

namespace {
/// A backend with so much room and no more.
struct Small : cpu::EigenBackend<float> {
  std::size_t room = std::numeric_limits<std::size_t>::max();
  template <class U> auto allocate(index_t n) {
    const auto bytes = static_cast<std::size_t>(n) * sizeof(U);
    if (pool().in_use() + bytes > room) throw OutOfMemory("the device has no room", bytes, pool().in_use());
    return cpu::EigenBackend<float>::allocate<U>(n);
  }
};

const train::Windows text(test::tiny_text(400), {.length = 16});
std::string said(const std::function<void()>& what) {
  try {
    what();
  } catch (const OutOfMemory& e) {
    return e.what();
  }
  return "there was room";
}
constexpr std::size_t MiB = std::size_t(1) << 20;
}  // namespace

TEST_CASE("an error of memory names what takes most, the largest first, and what would take less",
          "[train][out_of_memory]") {
  const OutOfMemory e("no room", 10, 100 * MiB);
  const auto text_of = [&](const train::Holdings& h, bool recomputed) {
    return std::string(train::explained(e, "step 3", h, 8, recomputed).what());
  };
  REQUIRE(
      text_of({.before = 20 * MiB, .activations = 60 * MiB, .gradients = 5 * MiB, .moments = 10 * MiB},
              false) ==
      "step 3: no room; 60.0 MiB activations kept for the backward pass, 20.0 MiB the model and what trains, "
      "15.0 MiB gradients and moments; what would take less: a batch of fewer than 8 samples (accumulate makes "
      "up for it) or shorter ones, or blocks that are computed again (checkpoint_blocks)");
  REQUIRE(
      text_of({.before = 10 * MiB}, true) ==
      "step 3: no room; 90.0 MiB results on the way, 10.0 MiB the model and what trains; what would take less: "
      "a batch of fewer than 8 samples (accumulate makes up for it) or shorter ones");
  REQUIRE(text_of({.before = 100 * MiB}, false)
              .ends_with("what would take less: weights in bf16, or a smaller model"));
  REQUIRE(
      text_of({.moments = 100 * MiB}, false).ends_with("what would take less: a lower rank, or fewer sites"));
}

TEST_CASE("fit and its estimate say for which step there is no room", "[train][out_of_memory]") {
  Small b;
  const auto model = test::tiny_model<Frozen<Small>>(b);
  auto ab = adapt::attach(b, model, adapt::Lora{.placement = {.rank = 4}});
  const train::FitConfig c{.steps = 2, .batch = 6};
  const auto before = b.pool().in_use();
  const auto fit = [&] { train::fit(b, model, ab, text, c); };
  fit();
  const auto most = b.pool().peak();
  b.room = before + (most - before) * 3 / 4;
  const auto what = said(fit);
  CAPTURE(what);
  REQUIRE(what.starts_with("step 0: the device has no room; "));
  REQUIRE(what.find("activations kept for the backward pass") != std::string::npos);
  REQUIRE(what.find("MiB the model and what trains") != std::string::npos);
  REQUIRE(what.find("a batch of fewer than 6 samples") != std::string::npos);
  REQUIRE(said([&] { train::estimate(b, model, ab, text, c); }).starts_with("before the first step: "));
  b.room = most;
  REQUIRE(said(fit) == "there was room");  // what was interrupted left nothing behind
}
