// SPDX-License-Identifier: MIT
/// @file tests/support/block.hpp
/// A device's block of threads, played on a host: the row functors that a GPU runs, with the same reductions
/// between threads, where there is none. The threads take turns; each goes on until it waits for the others.
#pragma once

#include <lorica/core/lanes.hpp>
#include <lorica/gpu/thrust_backend.cuh>

#include <ucontext.h>

#include <functional>
#include <limits>
#include <stdexcept>
#include <vector>

namespace lorica::test {

/// A few threads that meet at every wait. Threads that take different ways, so that some wait and others have
/// ended, are an error: on a device they would hang.
class Block {
 public:
  explicit Block(index_t threads) : shared_(static_cast<std::size_t>(6 * threads)) {
    for (index_t t = 0; t < threads; ++t) threads_.push_back({});
    for (auto& t : threads_) t.stack.resize(std::size_t(1) << 18);
  }

  /// All threads do `work`, with that much memory in common.
  void run(std::size_t bytes, const std::function<void()>& work) {
    auto& block = lorica::block::host;
    // Nobody may rely on what a device leaves in it.
    memory_.assign(bytes / sizeof(double) + 1, std::numeric_limits<double>::quiet_NaN());
    block = {static_cast<index_t>(threads_.size()), 0, wait, shared_.data(), memory_.data()};
    playing_ = this;
    work_ = &work;
    for (auto& t : threads_) {
      getcontext(&t.at);
      t.at.uc_stack.ss_sp = t.stack.data();
      t.at.uc_stack.ss_size = t.stack.size();
      t.at.uc_link = &back_;
      makecontext(&t.at, begin, 0);
      t.ended = false;
    }
    std::size_t ended = 0;
    while (ended == 0) {
      for (std::size_t t = 0; t < threads_.size(); ++t) {
        block.thread = static_cast<index_t>(t);
        swapcontext(&back_, &threads_[t].at);
        ended += threads_[t].ended ? 1 : 0;
      }
    }
    block = {};
    if (ended != threads_.size())
      throw std::logic_error("some threads of a block wait for others that have ended");
  }

 private:
  struct Thread {
    ucontext_t at;
    std::vector<char> stack;
    bool ended;
  };
  static void begin() {
    (*playing_->work_)();
    playing_->threads_[static_cast<std::size_t>(lorica::block::host.thread)].ended = true;
  }
  static void wait() {
    auto& own = playing_->threads_[static_cast<std::size_t>(lorica::block::host.thread)];
    swapcontext(&own.at, &playing_->back_);
  }

  inline static Block* playing_ = nullptr;
  const std::function<void()>* work_ = nullptr;
  ucontext_t back_ = {};
  std::vector<Thread> threads_;
  std::vector<double> shared_, memory_;
};

/// Thrust's backend with rows as a device does them, each by a block of three threads: a number that divides
/// no usual width. By 32 it is a warp.
template <Scalar T, Scalar Master = arithmetic_t<T>, index_t threads = 3>
class BlockBackend : public gpu::ThrustBackend<T, gpu::LoopGemm, Master> {
 public:
  template <class F> void for_rows(index_t n, F f) {
    if constexpr (InRows<F>) {
      gpu::detail::queue([n, f, block = block_] {
        block->run(0, [n, &f] {
          for (index_t i = 0; i < n; ++i) f(i);
        });
      });
    } else {
      gpu::ThrustBackend<T, gpu::LoopGemm, Master>::for_rows(n, f);
    }
  }
  void attention(const AttentionCall<T, Master>& c) { this->attend(c, Blocks{block_}); }
  void attention_gradient(const AttentionGradientCall<T, Master>& c) { this->attend_back(c, Blocks{block_}); }

 private:
  struct Blocks {
    std::shared_ptr<Block> block;
    template <class F> void operator()(index_t n, const F& f) const {
      gpu::detail::queue([n, f, played = block] {
        for (index_t i = 0; i < n; ++i) played->run(f.bytes(), [i, &f] { f(i); });
      });
    }
  };
  std::shared_ptr<Block> block_ = std::make_shared<Block>(threads);
};

}  // namespace lorica::test
