// SPDX-License-Identifier: MIT
/// @file tests/bench/kernels_cuda.cu
/// What the parts of a step take on a GPU, beside its own ceilings: rate of products, of copies, time of a
/// launch and of a wait. Prints a line of JSON each: what, median milliseconds of events, and what was done
/// in a second.
///
///   kernels_cuda
#include <lorica/autograd/attention_ops.hpp>
#include <lorica/gpu/device.cuh>
#include <lorica/io/json.hpp>
#include <lorica/train/optimizer.hpp>

#include "bench/clock.hpp"
#include "bench/on_device.cuh"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <string>

using namespace lorica;
using namespace lorica::bench;

namespace {

using gpu::detail::check;

/// Milliseconds of f, by events, median of `rounds`, each of as many calls as take a millisecond: of a single
/// one the events would measure the host that queues it.
template <class F> double milliseconds(F f, int rounds = 20) {
  cudaEvent_t begin = nullptr, end = nullptr;
  check(cudaEventCreate(&begin), "an event");
  check(cudaEventCreate(&end), "an event");
  const auto each = [&](int calls) {
    check(cudaEventRecord(begin), "an event");
    for (int i = 0; i < calls; ++i) f();
    check(cudaEventRecord(end), "an event");
    check(cudaEventSynchronize(end), "waiting for what is measured");
    float ms = 0;
    check(cudaEventElapsedTime(&ms, begin, end), "the time between events");
    return double(ms) / calls;
  };
  each(1);
  const int calls = 1 + static_cast<int>(1 / std::max(each(1), 1e-3));
  std::vector<double> all;
  for (int i = 0; i < rounds; ++i) all.push_back(each(calls));
  check(cudaEventDestroy(begin), "an event");
  check(cudaEventDestroy(end), "an event");
  return median(all);
}
/// `work` of a unit that is named with it: flop, bytes.
void say(const std::string& what, double ms, double work = 0, const char* unit = "") {
  io::json::Object line{{"kind", "kernel"}, {"what", what}, {"ms", ms}};
  if (work > 0) line.push_back({std::string(unit) + " a second", work / ms * 1e3});
  std::cout << io::json::dump(io::json::Value(line)) << std::endl;
}
/// Whoever fails does not stop the others.
template <class F> void measured(const std::string& what, F f) {
  try {
    f(what);
    Device::finish();
  } catch (const std::exception& e) {
    std::cout << io::json::dump(io::json::Value(
                     io::json::Object{{"kind", "kernel failed"}, {"what", what}, {"why", e.what()}}))
              << std::endl;
  }
}

/// Random numbers: products of zeros are faster than others.
template <class T, class B> Tensor<B, T> random(B& b, index_t rows, index_t cols) {
  std::vector<float> host(static_cast<std::size_t>(rows * cols));
  std::uint32_t state = 2463534242u;
  for (float& x : host) {
    state = state * 1664525u + 1013904223u;
    x = float(state >> 8) * 0x1p-24f - 0.5f;
  }
  return Tensor<B, T>(b, rows, cols, host);
}

/// y = x W^T
template <class B> void product(B& b, const std::string& numbers, index_t n, index_t out, index_t in) {
  measured(message(numbers, " product, ", n, " x ", out, " x ", in), [&](const std::string& what) {
    using T = typename B::scalar;
    const auto x = random<T>(b, n, in), w = random<T>(b, out, in);
    Tensor<B, T> y(b, n, out);
    say(what, milliseconds([&] { b.gemm(Trans::no, Trans::yes, 1, x.ref(), w.ref(), 0, y.ref()); }),
        2.0 * double(n) * double(out) * double(in), "flop");
  });
}
/// Sequences of `length`, causal.
template <class B>
void attend(B& b, const std::string& numbers, index_t sequences, index_t length, index_t heads,
            index_t kv_heads) {
  using T = typename B::scalar;
  const auto shape = AttentionShape{heads, kv_heads, 64, true, 0.125};
  const index_t n = sequences * length;
  std::vector<index_t> offsets;
  for (index_t i = 0; i <= sequences; ++i) offsets.push_back(i * length);
  measured(
      message(numbers, " attention, ", sequences, " x ", length, ", heads ", heads, "/", kv_heads, " of 64"),
      [&](const std::string& what) {
        const auto q = random<T>(b, n, heads * 64), k = random<T>(b, n, kv_heads * 64),
                   v = random<T>(b, n, kv_heads * 64), up = random<T>(b, n, heads * 64);
        Tensor<B, T> o(b, n, q.cols()), dq(b, n, q.cols()), dk(b, n, k.cols()), dv(b, n, k.cols());
        MasterTensor<B> lse(b, heads, n);
        // Half of rows by rows; two products of it forward, five backward and two once more.
        const double pairs = double(sequences) * double(length) * double(length) / 2 * double(heads);
        say(what, milliseconds([&] {
              b.attention({shape, offsets, q.cref(), k.cref(), v.cref(), o.ref(), lse.data()});
            }),
            2 * 2 * 64 * pairs, "flop");
        say(what + ", backward", milliseconds([&] {
              b.attention_gradient({shape, offsets, q.cref(), k.cref(), v.cref(), o.cref(), up.cref(),
                                    std::as_const(lse).data(), dq.ref(), dk.ref(), dv.ref()});
            }),
            7 * 2 * 64 * pairs, "flop");
      });
}
/// Rows: norms, losses, rotary; elements.
template <class B> void rows(B& b, const std::string& numbers, index_t n, index_t width) {
  using T = typename B::scalar;
  using M = typename B::master;
  const auto size = double(n) * double(width);
  const std::string shape = message(", ", n, " x ", width);
  measured(numbers + " layer norm" + shape, [&](const std::string& what) {
    const auto x = random<M>(b, n, width), gain = random<M>(b, 1, width);
    Tensor<B, T> y(b, n, width);
    MasterTensor<B> mean(b, 1, n), inverse(b, 1, n);
    say(what, milliseconds([&] {
          b.for_rows(n, row::LayerNorm<M, T, M>{x.ref(), gain.cref().data, gain.cref().data, y.ref(),
                                                mean.data(), inverse.data(), M(1e-5)});
        }),
        size * (sizeof(M) + sizeof(T)), "bytes");
  });
  measured(numbers + " rotary" + shape, [&](const std::string& what) {
    const auto x = random<T>(b, n, width);
    const auto frequency = random<M>(b, 1, 32);
    Tensor<B, T> y(b, n, width);
    std::vector<std::int32_t> place(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < place.size(); ++i) place[i] = static_cast<std::int32_t>(i % 512);
    const Integers<B> position(b, place);
    say(what, milliseconds([&] {
          b.for_rows(n, fn::Rotate<T, M>{x.ref(), position.data(), frequency.cref().data, y.ref(), 64, false,
                                         false, false});
        }),
        size * 2 * sizeof(T), "bytes");
  });
  measured(numbers + " elements copied" + shape, [&](const std::string& what) {
    const auto x = random<M>(b, n, width);
    Tensor<B, T> y(b, n, width);
    say(what, milliseconds([&] { b.map(y.size(), fn::Copy{}, y.data(), x.cref().data); }),
        size * (sizeof(M) + sizeof(T)), "bytes");
  });
}
template <class B> void all_of(const std::string& numbers) {
  B b;
  for (const index_t side : {4096, 8192}) product(b, numbers, side, side, side);
  for (const index_t n : {512, 4096, 16384}) {
    product(b, numbers, n, 768, 768);
    product(b, numbers, n, 3072, 768);
    product(b, numbers, n, 8192, 2048);
    product(b, numbers, n, 16, 768);  // an adapter's
    product(b, numbers, n, 768, 16);
  }
  product(b, numbers, 256, 50257, 768);  // a chunk of logits
  for (const index_t sequences : {1, 8, 32}) {
    attend(b, numbers, sequences, 512, 12, 12);
    attend(b, numbers, sequences, 512, 32, 8);
  }
  for (const index_t n : {512, 4096, 16384}) {
    rows(b, numbers, n, 768);
    rows(b, numbers, n, 2048);
  }
}
/// What has no numbers of its own: memory, launches, waits, reductions.
void ceilings() {
  OnCuda b;
  measured("copy on the device, 1 GiB read and written", [&](const std::string& what) {
    const index_t n = index_t(1) << 28;
    MasterTensor<OnCuda> x(b, 1, n), y(b, 1, n);
    fill(b, x, 1.f);
    say(what, milliseconds([&] { b.copy(x.cref().data, y.data(), n); }), 8.0 * double(n), "bytes");
  });
  measured("a launch among a thousand", [&](const std::string& what) {
    MasterTensor<OnCuda> x(b, 1, 256);
    fill(b, x, 1.f);
    say(what, milliseconds([&] {
                for (int i = 0; i < 1000; ++i) b.map(256, fn::Copy{}, x.data(), x.cref().data);
              }) / 1000);
  });
  measured("a number to the host, a hundred times", [&](const std::string& what) {
    MasterTensor<OnCuda> x(b, 1, 1);
    fill(b, x, 1.f);
    say(what, milliseconds([&] {
                for (int i = 0; i < 100; ++i) (void)x.host<float>(b);
              }) / 100);
  });
  measured("cross-entropy, 256 rows of 50257", [&](const std::string& what) {
    auto z = random<float>(b, 256, 50257);
    const Integers<OnCuda> target(b, std::vector<std::int32_t>(256, 7));
    MasterTensor<OnCuda> loss(b, 1, 256);
    say(what, milliseconds([&] {
          b.for_rows(256, row::CrossEntropy<float>{z.ref(), target.data(), loss.data(), true});
        }),
        256.0 * 50257 * 2 * 4, "bytes");
  });
  measured("sum of squares of 16 x 768 numbers, waited for", [&](const std::string& what) {
    const auto x = random<float>(b, 16, 768);
    say(what, milliseconds([&] { (void)b.sum_squares(x.cref().data, x.size()); }));
  });
  measured("threshold among 2000 directions, waited for", [&](const std::string& what) {
    const auto x = random<float>(b, 1, 2000);
    say(what, milliseconds([&] { (void)b.kth_smallest(x.cref().data, 2000, 500); }));
  });
  measured("AdamW of 96 matrices of 16 x 768, one sweep", [&](const std::string& what) {
    std::vector<MasterTensor<OnCuda>> held;
    std::vector<SweepPart<train::detail::AdamWStep<float>>> parts;
    for (int i = 0; i < 96; ++i) {
      for (int k = 0; k < 4; ++k) held.push_back(random<float>(b, 16, 768));
      auto* const last = &held.back() - 3;
      parts.push_back({16 * 768,
                       {16 * 768, last[0].data(), last[1].cref().data, last[2].data(), last[3].data(), 0.1f,
                        0.999f, 0.001f, 1.f, 1e-4f, 1.f, 1e-8f}});
    }
    say(what, milliseconds([&] { sweep(b, parts); }), 96.0 * 16 * 768 * 7 * 4, "bytes");
  });
}

}  // namespace

int main() try {
  const auto device = gpu::the_device();
  std::cerr << device.name << ", " << device.free / 1048576 << " of " << device.memory / 1048576
            << " MiB free\n";
  ceilings();
  all_of<OnCudaBf16>("bf16");
  all_of<OnCuda>("float");
} catch (const std::exception& error) {
  std::cerr << "kernels_cuda: " << error.what() << '\n';
  return 1;
}
