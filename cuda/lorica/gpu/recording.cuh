// SPDX-License-Identifier: MIT
/// @file lorica/gpu/recording.cuh
/// Work that is queued once and done as often as one likes: on CUDA a graph, which a single call starts;
/// elsewhere a list of what was to be done. A thread that records queues nothing: its kernels and copies on
/// the device are kept, with the addresses and numbers they were given.
#pragma once

#include <lorica/core/check.hpp>

#include <thrust/detail/config.h>

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
#  include <lorica/gpu/cuda_check.cuh>
#endif

namespace lorica::gpu {

/// What is recorded reads from the device or writes to it: that happens once, when it is recorded.
struct NotRecordable : Error {
  using Error::Error;
};

namespace detail {

#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
/// Where work is queued: the default stream, or what is being recorded by this thread.
inline thread_local cudaStream_t recorder = nullptr;
inline cudaStream_t stream() { return recorder; }
#else
inline thread_local std::vector<std::function<void()>>* recorder = nullptr;
/// Does f, or keeps it.
template <class F> void queue(F f) {
  if (recorder != nullptr)
    recorder->push_back(std::move(f));
  else
    f();
}
#endif

inline bool recording() { return recorder != nullptr; }
inline void expects_no_recording(const char* what) {
  if (recording())
    throw NotRecordable(message("a recording: ", what, ", expected work that stays on the device"));
}

/// This thread records, until it is destroyed.
class Recorder {
 public:
  template <class R> explicit Recorder(R r) { recorder = r; }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder() { recorder = nullptr; }
};

}  // namespace detail

#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA

class Recording {
 public:
  /// What f() queues. What f throws is passed on; nothing is then recorded.
  template <class F> explicit Recording(F&& f) {
    detail::expects_no_recording("it holds another recording");
    const Capture at;
    {
      const detail::Recorder here(at.stream);
      f();
    }
    cudaGraph_t graph = at.end();
    const cudaError_t status = cudaGraphInstantiateWithFlags(&work_, graph, 0);
    (void)cudaGraphGetNodes(graph, nullptr, &size_);
    (void)cudaGraphDestroy(graph);
    detail::check(status, "a graph of ", size_, " kernels and copies");
  }
  Recording(Recording&& o) noexcept
      : work_(std::exchange(o.work_, nullptr)), size_(std::exchange(o.size_, 0)) {}
  Recording& operator=(Recording&& o) noexcept {
    std::swap(work_, o.work_);
    std::swap(size_, o.size_);
    return *this;
  }
  ~Recording() {
    if (work_ != nullptr) (void)cudaGraphExecDestroy(work_);
  }
  /// Queues all of it; false, and nothing is queued, where the device has no room for what a graph needs.
  [[nodiscard]] bool run() const {
    const cudaError_t status = cudaGraphLaunch(work_, detail::stream());
    if (status == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      return false;
    }
    detail::check(status, "a graph of ", size_, " kernels and copies, or what was queued before it");
    return true;
  }
  /// Kernels and copies.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  /// A stream that keeps what it is given. Of its own, so that other threads go on in the default one.
  struct Capture {
    cudaStream_t stream = nullptr;
    mutable bool ended = false;
    Capture() {
      detail::check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream to record in");
      const cudaError_t status = cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed);
      if (status != cudaSuccess) (void)cudaStreamDestroy(stream);
      detail::check(status, "recording");
    }
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    ~Capture() {
      if (!ended) {  // something was thrown
        cudaGraph_t graph = nullptr;
        (void)cudaStreamEndCapture(stream, &graph);
        if (graph != nullptr) (void)cudaGraphDestroy(graph);
        (void)cudaGetLastError();
      }
      (void)cudaStreamDestroy(stream);
    }
    [[nodiscard]] cudaGraph_t end() const {
      cudaGraph_t graph = nullptr;
      ended = true;
      detail::check(cudaStreamEndCapture(stream, &graph), "recording");
      return graph;
    }
  };

  cudaGraphExec_t work_ = nullptr;
  std::size_t size_ = 0;
};

#else

class Recording {
 public:
  template <class F> explicit Recording(F&& f) {
    detail::expects_no_recording("it holds another recording");
    const detail::Recorder here(&work_);
    f();
  }
  [[nodiscard]] bool run() const {
    for (const auto& f : work_) f();
    return true;
  }
  [[nodiscard]] std::size_t size() const noexcept { return work_.size(); }

 private:
  std::vector<std::function<void()>> work_;
};

#endif

}  // namespace lorica::gpu
