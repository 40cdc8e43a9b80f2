// SPDX-License-Identifier: MIT
#include <lorica/io/checkpoint.hpp>

#include <io/scratch.hpp>
#include <support/backends.hpp>
#include <train/tiny.hpp>

#include <sys/resource.h>

#include <csignal>

using namespace lorica;
using test::contents;
using test::has;
using test::Scratch;
using test::thrown;

namespace {
const test::RaggedSamples samples;
const train::FitConfig config{.steps = 20,
                              .batch = 3,
                              .accumulate = 2,
                              .optimizer = {.lr = 2e-2},
                              .schedule = {.shape = train::Schedule::cosine, .warmup = 3},
                              .seed = 4,
                              .identity = "tiny"};

struct Outcome {
  test::Numbered state;
  std::vector<double> loss;
  train::FitResult result;
};
/// A run with a checkpoint every 5 steps. `stop` is asked after every step, and may throw as a crash would.
template <class B, class Model, class T>
Outcome fit_with(B& b, const Model& model, T& trainee, const train::FitConfig& c,
                 const std::filesystem::path& path, std::function<bool()> stop) {
  train::LossCurve curve;
  test::Snapshot snapshot;
  const auto result = train::fit(b, model, trainee, samples, c, curve, snapshot, io::Checkpoint{path, 5},
                                 train::StopWhen{std::move(stop)});
  return {snapshot.numbers, curve.loss, result};
}
/// A new backend, a new model, new adapters: what a new process has.
template <class B> struct Adapting {
  template <class M> static auto once(const M& method) {
    return [method](const std::filesystem::path& path, std::function<bool()> stop,
                    const train::FitConfig& c = config) {
      B b;
      const auto model = test::tiny_model<Frozen<B>>(b);
      auto adapted = adapt::attach(b, model, method, 11);
      return fit_with(b, model, adapted, c, path, std::move(stop));
    };
  }
};
template <class B> auto pretraining() {
  return
      [](const std::filesystem::path& path, std::function<bool()> stop, const train::FitConfig& c = config) {
        B b;
        auto model = test::tiny_model<Parameter<B>>(b);
        train::Everything<B, decltype(model)> everything(model);
        return fit_with(b, model, everything, c, path, std::move(stop));
      };
}
const auto never = [] { return false; };
std::function<bool()> after(int steps) {
  return [steps, made = 0]() mutable { return ++made == steps; };
}
std::function<bool()> crash_after(int steps) {
  return [steps, made = 0]() mutable -> bool {
    if (++made == steps) throw std::runtime_error("power cut");
    return false;
  };
}

template <class Once> void goes_on_as_if_nothing_had_happened(const Once& once) {
  const Scratch scratch;
  const Outcome whole = once(scratch / "whole", never);
  REQUIRE(whole.loss.size() == 20);
  REQUIRE(whole.loss.back() < whole.loss.front());
  const auto same = [&](const std::string& file, const std::vector<double>& losses_before,
                        index_t made_before) {
    const Outcome rest = once(scratch / file, never);
    REQUIRE(rest.result.steps == 20);
    REQUIRE(rest.loss.size() == static_cast<std::size_t>(20 - made_before));
    std::vector<double> loss(losses_before.begin(), losses_before.begin() + made_before);
    loss.insert(loss.end(), rest.loss.begin(), rest.loss.end());
    REQUIRE(loss == whole.loss);
    REQUIRE(test::difference(rest.state, whole.state) == "");  // parameters, moments, step
    REQUIRE(contents(scratch / file) == contents(scratch / "whole"));
  };

  const Outcome first = once(scratch / "stopped", after(7));
  REQUIRE(first.result.stopped);
  REQUIRE(first.result.steps == 7);
  REQUIRE(test::difference(first.state, whole.state) != "");
  same("stopped", first.loss, 7);

  REQUIRE_THROWS_WITH(once(scratch / "crashed", crash_after(8)),
                      "power cut");  // the last that was saved is step 5
  same("crashed", whole.loss, 5);

  const Outcome again = once(scratch / "whole", never);  // nothing is left to do, and nothing is done
  REQUIRE(again.loss.empty());
  REQUIRE(again.result.steps == 20);
  REQUIRE(test::difference(again.state, whole.state) == "");
}
}  // namespace

TEMPLATE_TEST_CASE("an interrupted run goes on and ends as the uninterrupted one, bit for bit",
                   "[io][checkpoint]", cpu::EigenBackend<double>, cpu::EigenBackend<float>) {
  SECTION("LoRA with dropout") {
    goes_on_as_if_nothing_had_happened(
        Adapting<TestType>::once(adapt::Lora{.adapter = {.dropout = 0.2}, .placement = {.rank = 4}}));
  }
  SECTION("P diag(lambda) Q") {
    goes_on_as_if_nothing_had_happened(Adapting<TestType>::once(adapt::SvdLora{.placement = {.rank = 3}}));
  }
  SECTION("pretraining") { goes_on_as_if_nothing_had_happened(pretraining<TestType>()); }
}

namespace {
const auto lora = Adapting<cpu::EigenBackend<double>>::once(
    adapt::Lora{.adapter = {.dropout = 0.2}, .placement = {.rank = 4}});
const auto svd = Adapting<cpu::EigenBackend<double>>::once(adapt::SvdLora{.placement = {.rank = 3}});
}  // namespace

TEST_CASE("a state holds the step, the parameters and their moments, and whose it is", "[io][checkpoint]") {
  const Scratch scratch;
  lora(scratch / "c", after(3), config);
  const io::SafeTensors file(scratch / "c");
  REQUIRE(file.metadata().at("format") == "lorica-checkpoint/2");
  REQUIRE(has(file.metadata().at("identity"), "tiny; steps 20, batch 3 x 2"));
  REQUIRE(file.read<std::int64_t>("step") == std::vector<std::int64_t>{3});
  REQUIRE(file.info("blocks.0.q.A").shape == std::vector<index_t>{4, 16});
  REQUIRE(file.info("blocks.0.q.A.adam_mean").dtype == io::Dtype::F64);
  REQUIRE(file.tensors().size() == 1 + 14 * 2 * 4);  // a value, two moments, and when they began
}

TEST_CASE("a state of another run, model or method is refused with both", "[io][checkpoint]") {
  const Scratch scratch;
  const auto path = scratch / "c";
  lora(path, after(7), config);
  const std::string saved = contents(path);
  const auto refused = [&](const auto& once, const train::FitConfig& c) {
    const auto what = thrown<FileError>([&] { once(path, never, c); });
    CAPTURE(what);
    REQUIRE(has(what, "'" + path.string() + "'"));
    REQUIRE(contents(path) == saved);
    return what;
  };
  SECTION("by the identity that the run was given") {
    auto other = config;
    other.identity = "large svd";
    const auto what = refused(svd, other);
    REQUIRE(has(what, "belongs to another run: it is of {tiny; steps 20"));
    REQUIRE(has(what, "this run is {large svd; steps 20"));
    REQUIRE(has(what, "remove it, or name another file"));
  }
  SECTION("by its configuration, to the last bit of the learning rate") {
    auto other = config;
    other.optimizer.lr = std::nextafter(2e-2, 1);
    const auto what = refused(lora, other);
    REQUIRE(has(what, "lr 0.02,"));
    REQUIRE(has(what, "lr 0.020000000000000004,"));
  }
  SECTION("another method, where the identity does not tell") {
    REQUIRE(has(refused(svd, config), "no tensor \"blocks.0.q.Q\""));
  }
  SECTION("another rank") {
    const auto wider = Adapting<cpu::EigenBackend<double>>::once(adapt::Lora{.placement = {.rank = 5}});
    REQUIRE(has(refused(wider, config), "tensor \"blocks.0.q.A\" is [4, 16], expected [5, 16]"));
  }
  SECTION("fewer sites") {
    const auto fewer = Adapting<cpu::EigenBackend<double>>::once(
        adapt::Lora{.placement = {.rank = 4, .sites = {.roles = {Role::query}}}});
    REQUIRE(has(refused(fewer, config), ", which this run does not have; it is of another run"));
  }
  SECTION("another precision") {
    const auto single = Adapting<cpu::EigenBackend<float>>::once(adapt::Lora{.placement = {.rank = 4}});
    REQUIRE(has(refused(single, config), "tensor \"blocks.0.q.A\" is F64, this run keeps F32"));
  }
}

TEST_CASE("what is no checkpoint is refused", "[io][checkpoint]") {
  const Scratch scratch;
  const auto path = scratch / "c";
  const auto refused = [&] { return thrown<FileError>([&] { lora(path, never, config); }); };
  SECTION("truncated") {
    lora(path, after(2), config);
    for (const std::size_t keep :
         {std::filesystem::file_size(path) - 8, std::uintmax_t{100}, std::uintmax_t{3}}) {
      std::filesystem::resize_file(path, keep);
      const auto what = refused();
      CAPTURE(what);
      REQUIRE(has(what, "'" + path.string() + "'"));
    }
  }
  SECTION("tensors without an identity") {
    io::SafeTensorsWriter().write(path);
    REQUIRE(has(refused(), "is not a checkpoint: it has no \"identity\" in its metadata"));
  }
  SECTION("of another version") {
    io::SafeTensorsWriter().write(path, {{"format", "lorica-checkpoint/1"}, {"identity", "tiny"}});
    REQUIRE(has(refused(), "' is lorica-checkpoint/1, expected lorica-checkpoint/2: it is of another version"));
  }
  SECTION("text") {
    static_cast<void>(scratch.file("c", "step 7 of 20, and some more"));
    REQUIRE(has(refused(), "is this a safetensors file?"));
  }
  SECTION("a folder") {
    std::filesystem::create_directory(path);
    REQUIRE(has(refused(), "'" + path.string() + "'"));
  }
}

TEST_CASE("a checkpoint is saved every so many steps, at least one", "[io][checkpoint]") {
  using B = cpu::EigenBackend<double>;
  const Scratch scratch;
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  auto adapted =
      adapt::attach(b, model, adapt::Lora{.placement = {.rank = 1, .sites = {.roles = {Role::query}}}});
  const auto refused = thrown<ConfigError>([&] {
    train::fit(b, model, adapted, samples, config, io::Checkpoint{scratch / "c", 0});
  });
  REQUIRE(refused == "checkpoint: every 0 steps, expected at least 1");
}

TEST_CASE("a checkpoint that cannot be written leaves the older one whole", "[io][checkpoint]") {
  const Scratch scratch;
  const auto path = scratch / "c";
  lora(path, after(7), config);
  const std::string saved = contents(path);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{saved.size() / 2, before.rlim_max};  // the disk is full half way through
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto what = thrown<FileError>([&] { lora(path, never, config); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  REQUIRE(has(what, "cannot write '" + path.string() + "'"));
  REQUIRE(has(what, "the old file is untouched"));
  REQUIRE(contents(path) == saved);
  REQUIRE(scratch.entries() == 1);
  REQUIRE(lora(path, never, config).result.steps == 20);  // and the run goes on from there
}
