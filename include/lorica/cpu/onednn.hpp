// SPDX-License-Identifier: MIT
/// @file lorica/cpu/onednn.hpp
/// What a GEMM policy needs of oneDNN (2.6 and later, 3.x): one engine, products that are prepared once and
/// kept, errors as ours; and memory for what oneDNN would not take as it lies. Included only by who asks for
/// it; needs oneDNN's headers and its library (-ldnnl).
#pragma once

#include <lorica/core/lanes.hpp>
#include <lorica/cpu/eigen_gemm.hpp>

#include <dnnl.hpp>

#include <array>
#include <compare>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

namespace lorica::cpu::onednn {

using Type = dnnl::memory::data_type;
template <class T> inline constexpr Type type_of = std::is_same_v<T, bf16> ? Type::bf16 : Type::f32;
inline const char* name_of(Type t) { return t == Type::bf16 ? "bf16" : "float"; }

/// As reports say it: oneDNN 2.6.3
inline std::string name() {
  const auto* v = dnnl_version();
  return message("oneDNN ", v->major, '.', v->minor, '.', v->patch);
}

inline dnnl::engine& engine() {
  static dnnl::engine here(dnnl::engine::kind::cpu, 0);
  return here;
}
inline dnnl::stream& stream() {
  thread_local dnnl::stream queue(engine());
  return queue;
}
inline bool inside_parallel() {
#if defined(_OPENMP)
  return omp_in_parallel() != 0;
#else
  return false;
#endif
}
/// Inside a parallel region oneDNN is told that there is one thread: it counts them when it prepares.
class [[maybe_unused]] OneThreadInside {
 public:
#if defined(_OPENMP)
  OneThreadInside() : before_(inside_parallel() ? omp_get_max_threads() : 0) {
    if (before_ > 0) omp_set_num_threads(1);
  }
  ~OneThreadInside() {
    if (before_ > 0) omp_set_num_threads(before_);
  }
#else
  OneThreadInside() = default;
#endif
  OneThreadInside(const OneThreadInside&) = delete;
  OneThreadInside& operator=(const OneThreadInside&) = delete;

 private:
  [[maybe_unused]] int before_ = 0;
};

/// This thread's memory for one purpose, 64-byte aligned; grown, and kept for the next product.
enum class Purpose { work, left, right, out, turned, tail_left, tail_right, tail_out, count };
inline void* scratch(Purpose purpose, std::size_t bytes) {
  struct Block {
    std::size_t bytes = 0;
    void* data = nullptr;
    Block() = default;
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { std::free(data); }
  };
  thread_local std::array<Block, static_cast<std::size_t>(Purpose::count)> blocks;
  Block& block = blocks[static_cast<std::size_t>(purpose)];
  if (block.data == nullptr || block.bytes < bytes) {
    std::free(block.data);
    block.bytes = (bytes + 64) / 64 * 64;
    block.data = std::aligned_alloc(64, block.bytes);
    if (block.data == nullptr) {
      block.bytes = 0;
      throw std::bad_alloc();
    }
  }
  return block.data;
}
template <class T> MatrixRef<T> scratch(Purpose purpose, index_t rows, index_t cols) {
  return {static_cast<T*>(scratch(purpose, static_cast<std::size_t>(rows * cols) * sizeof(T))), rows, cols};
}

/// f(i) for the rows of a matrix that wide.
template <class F> void each_row(index_t rows, index_t cols, F f) {
  constexpr index_t grain = index_t{1} << 14;
  parallel_ranges(rows, cols >= grain ? 1 : grain / std::max(cols, index_t{1}),
                  [&](index_t first, index_t count) {
                    for (index_t i = first; i < first + count; ++i) f(i);
                  });
}
/// to <- s from, rounded to To. Rows of `to` beyond those of `from` become 0.
template <class To, class From> void copy(MatrixRef<const From> from, MatrixRef<To> to, double s = 1) {
  each_row(to.rows, to.cols, [&](index_t i) {
    To* t = to.row(i);
    if (i >= from.rows) {
      std::fill(t, t + to.cols, To{});
      return;
    }
    const From* f = from.row(i);
    if constexpr (std::is_same_v<To, From>) {
      if (s == 1) {
        std::copy(f, f + to.cols, t);
        return;
      }
    }
    using V = lanes_of<From>;
    const V scale(static_cast<typename V::value_type>(s));
    for (index_t j = 0; j < to.cols; j += V::width)
      store(t + j, to.cols - j, scale * load<V>(f + j, to.cols - j));
  });
}
/// y <- alpha t + beta y, over the rows of y; y is not read where beta is 0.
template <class T, class Y> void blend(double alpha, MatrixRef<T> t, double beta, MatrixRef<Y> y) {
  using A = std::common_type_t<arithmetic_t<std::remove_const_t<T>>, arithmetic_t<Y>>;
  using V = Lanes<A>;
  const V a(static_cast<A>(alpha)), b(static_cast<A>(beta));
  each_row(y.rows, y.cols, [&](index_t i) {
    const T* from = t.row(i);
    Y* to = y.row(i);
    for (index_t j = 0; j < y.cols; j += V::width) {
      V v = a * load<V>(from + j, y.cols - j);
      if (beta != 0) v += b * load<V>(to + j, y.cols - j);
      store(to + j, y.cols - j, v);
    }
  });
}
/// y <- beta y
template <class Y> void scale(double beta, MatrixRef<Y> y) {
  if (beta == 1) return;
  using A = arithmetic_t<Y>;
  each_row(y.rows, y.cols, [&](index_t i) {
    for (index_t j = 0; j < y.cols; ++j)
      y.row(i)[j] = beta == 0 ? Y{} : convert<Y>(static_cast<A>(beta) * convert<A>(y.row(i)[j]));
  });
}

/// C [m, n] <- A [m, k] B [k, n], or C + A B. Strides in memory; a turned matrix lies there transposed. A
/// packed B lies as oneDNN likes it.
struct Problem {
  index_t m = 0, n = 0, k = 0, a_stride = 0, b_stride = 0, c_stride = 0;
  bool a_turned = false, b_turned = false, b_packed = false, adds = false;
  Type in = Type::f32, out = Type::f32;
  int threads = 1;
  friend auto operator<=>(const Problem&, const Problem&) = default;
};

/// oneDNN's errors as ours, with what was asked of it.
template <class F> auto attempt(const char* what, const Problem& p, F f) {
  try {
    return f();
  } catch (const dnnl::error& e) {
    throw Error(message("oneDNN ", dnnl_version()->major, '.', dnnl_version()->minor, ": ", what, " of ",
                        Shape{p.m, p.k}, " by ", Shape{p.k, p.n}, " in ", name_of(p.in), " into ",
                        name_of(p.out), " failed: ", e.message, " (status ", static_cast<int>(e.status),
                        ")"));
  }
}

inline dnnl::memory::desc plain(index_t rows, index_t cols, Type type, index_t stride, bool turned) {
  return {
      {rows, cols},
      type,
      turned ? dnnl::memory::dims{1, std::max(stride, rows)} : dnnl::memory::dims{std::max(stride, cols), 1}};
}
inline dnnl::matmul::primitive_desc description(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                                const dnnl::memory::desc& c, bool adds) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);  // so that threads may share the primitive
  if (adds) {
    dnnl::post_ops after;
    after.append_sum(1.f);
    attributes.set_post_ops(after);
  }
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), a, b, c, attributes};
#else
  return {dnnl::matmul::desc(a, b, c), attributes, engine()};
#endif
}

/// oneDNN's view of memory; its own where there is no `data`.
inline dnnl::memory memory_of(const dnnl::memory::desc& d, const void* data) {
  return {d, engine(), const_cast<void*>(data)};
}
inline dnnl::memory memory_of(const dnnl::memory::desc& d) { return {d, engine()}; }

/// What oneDNN has prepared, shared by all threads. Beyond `most` products all are forgotten, not the oldest:
/// a process that has so many shapes is not made faster by keeping them.
class Cache {
 public:
  struct Prepared {
    dnnl::matmul run;
    dnnl::memory::desc a, b, c, work;
  };
  static constexpr std::size_t most = 2048;

  std::shared_ptr<const Prepared> prepared(const Problem& p) {
    const std::lock_guard lock(mutex_);
    auto& slot = prepared_[p];
    if (slot == nullptr) {
      if (prepared_.size() > most) {
        prepared_.clear();
        return prepared_[p] = prepare(p);
      }
      slot = prepare(p);
    }
    return slot;
  }
  /// How a [k, n] is packed: chosen once, for a usual number of rows, so that all products agree.
  dnnl::memory::desc packed(Type type, index_t k, index_t n) {
    const std::lock_guard lock(mutex_);
    return layout(type, k, n);
  }

 private:
  std::shared_ptr<const Prepared> prepare(const Problem& p) {
    return attempt("a product", p, [&] {
      const auto d =
          description(plain(p.m, p.k, p.in, p.a_stride, p.a_turned),
                      p.b_packed ? layout(p.in, p.k, p.n) : plain(p.k, p.n, p.in, p.b_stride, p.b_turned),
                      plain(p.m, p.n, p.out, p.c_stride, false), p.adds);
      return std::make_shared<const Prepared>(
          Prepared{dnnl::matmul(d), d.src_desc(), d.weights_desc(), d.dst_desc(), d.scratchpad_desc()});
    });
  }
  const dnnl::memory::desc& layout(Type type, index_t k, index_t n) {
    const auto [at, fresh] = layouts_.try_emplace(std::array<index_t, 3>{index_t(type), k, n});
    if (fresh || at->second.get_size() == 0) {
      constexpr index_t rows = 1024;
      at->second = attempt("packing", Problem{.m = rows, .n = n, .k = k, .in = type, .out = type}, [&] {
        return description(plain(rows, k, type, k, false), {{k, n}, type, dnnl::memory::format_tag::any},
                           plain(rows, n, type, n, false), false)
            .weights_desc();
      });
    }
    return at->second;
  }

  std::mutex mutex_;
  std::map<Problem, std::shared_ptr<const Prepared>> prepared_;
  std::map<std::array<index_t, 3>, dnnl::memory::desc> layouts_;
};
inline Cache& cache() {
  static Cache all;
  return all;
}

/// Computes one product. b is the packed weight, or nothing where `b_data` is plain.
inline void run(Problem p, const void* a, const dnnl::memory* b, const void* b_data, void* c) {
  p.threads = threads();
  const auto how = cache().prepared(p);
  attempt("a product", p, [&] {
    how->run.execute(stream(), {{DNNL_ARG_SRC, memory_of(how->a, a)},
                                {DNNL_ARG_WEIGHTS, b != nullptr ? *b : memory_of(how->b, b_data)},
                                {DNNL_ARG_DST, memory_of(how->c, c)},
                                {DNNL_ARG_SCRATCHPAD,
                                 memory_of(how->work, scratch(Purpose::work, how->work.get_size()))}});
    stream().wait();
  });
}
/// Whether the processor computes with bf16 (AVX512-BF16, AMX).
inline bool has_bf16() {
  constexpr auto needed = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  static const bool has = (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & needed) == needed;
  return has;
}

}  // namespace lorica::cpu::onednn
