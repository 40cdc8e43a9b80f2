// SPDX-License-Identifier: MIT
/// @file tests/bench/load.cpp
/// How long a model folder of about 500 MB takes from the page cache to the end of the first forward pass of
/// one token (its logits), beside one pass that reads the same bytes and makes floats of them; and the most
/// memory there was, beside the size of the model in float. Wanted: less than 1.5 times the pass, and less
/// than 1.2 times the size.
///
///   load FOLDER [llama|gpt2] [f32|bf16|f16]      writes FOLDER/<shape>_<dtype> if it is not there
///
/// Both use all threads (OMP_NUM_THREADS). The pass fills buffers that nobody has touched, as a loader must;
/// into buffers that have been written before it is faster, since the system need not clear pages: printed
/// as well. On a busy machine OMP_WAIT_POLICY=passive keeps idle threads from taking the place of those that
/// work. Each load runs in a process of its own, so that its peak (VmHWM) is its own.
#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/io/model_folder.hpp>

#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>

using namespace lorica;
namespace fs = std::filesystem;
using B = cpu::EigenBackend<float>;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int rounds = 5;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}
double median(std::vector<double> v) {
  std::ranges::sort(v);
  return v[v.size() / 2];
}
/// The most resident memory of this process so far, in bytes.
double peak_resident() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return 1024 * std::stod(line.substr(6));
  return 0;
}

/// GPT-2's own shape, or a Llama's; more layers where numbers are small, so that all files are of a size.
std::string config_of(const std::string& shape, bool half) {
  if (shape == "gpt2")
    return message(R"({"model_type":"gpt2","vocab_size":50257,"n_positions":1024,"n_embd":768,"n_head":12,)",
                   R"("n_layer":)", half ? 29 : 12, "}\n");
  return message(R"({"model_type":"llama","vocab_size":32000,"hidden_size":1024,"intermediate_size":2816,)",
                 R"("num_attention_heads":16,"num_key_value_heads":16,"max_position_embeddings":2048,)",
                 R"("tie_word_embeddings":false,"num_hidden_layers":)", half ? 15 : 5, "}\n");
}

/// Even numbers of the size that weights have; gains are 1.
void write_folder(const fs::path& folder, const std::string& shape, io::Dtype dtype) {
  fs::create_directories(folder);
  io::write_atomically(folder / "config.json", config_of(shape, dtype != io::Dtype::F32));
  const io::Described what = io::read_config(folder);
  io::SafeTensorsWriter file;
  // A model asks its source for every weight, by name and shape; this one only listens.
  const nn::Source listen = [&](const std::string& name, Shape s) -> nn::Numbers {
    const bool gain = name.find("norm") != std::string::npos && name.ends_with(".weight");
    const bool site = name.starts_with("blocks.") && name.ends_with(".weight") && s.rows > 1;
    std::vector<index_t> extents = {s.rows, s.cols};
    if (site && what.names.transposed) std::swap(extents[0], extents[1]);
    if (s.rows == 1) extents.erase(extents.begin());
    const auto n = static_cast<std::size_t>(s.rows * s.cols);
    file.add(what.names.tensor(name), dtype, extents, [=](const io::SafeTensorsWriter::Put& put) {
      std::uint32_t state = static_cast<std::uint32_t>(n) * 2654435761U + 1;
      std::vector<float> row(4096);
      std::vector<std::uint16_t> half(4096);
      for (std::size_t at = 0; at < n; at += row.size()) {
        const std::size_t count = std::min(row.size(), n - at);
        for (float& x : row) {
          state = state * 1664525U + 1013904223U;
          x = (gain ? 1.F : 0.F) + 0.06F * (static_cast<float>(state >> 8) * 0x1p-24F - 0.5F);
        }
        std::ranges::transform(row, half.begin(), dtype == io::Dtype::F16 ? io::to_f16 : io::to_bf16);
        if (dtype == io::Dtype::F32)
          put(std::as_bytes(std::span<const float>(row).first(count)));
        else
          put(std::as_bytes(std::span<const std::uint16_t>(half).first(count)));
      }
    });
    return std::vector<float>(n);
  };
  B b;
  { const nn::AnyModel<B> model(b, what.config, listen); }
  file.write(folder / "model.safetensors", {{"format", "pt"}});
}

/// One pass over all tensors into floats that lie from `to` on.
double one_pass(const io::SafeTensors& file, float* to) {
  const auto start = Clock::now();
  for (const auto& t : file.tensors()) {
    const auto raw = file.bytes(t.name);
    const std::size_t size = io::dtype_size(t.dtype);
    const auto n = static_cast<index_t>(raw.size() / size);
    cpu::parallel_ranges(n, index_t(1) << 18, [&](index_t first, index_t count) {
      const auto at = static_cast<std::size_t>(first), many = static_cast<std::size_t>(count);
      io::decode(t.dtype, raw.subspan(at * size, many * size), std::span(to + first, many));
    });
    to += n;
  }
  return seconds_since(start);
}

struct Load {
  double open = 0, load = 0, forward = 0, peak = 0, first_logit = 0;
  [[nodiscard]] double all() const { return open + load + forward; }
};

Load load(const fs::path& path) {
  Load out;
  B b;
  auto start = Clock::now();
  const io::ModelFolder folder(path);
  out.open = seconds_since(start);
  start = Clock::now();
  const auto model = io::load_model(b, folder);
  out.load = seconds_since(start);
  start = Clock::now();
  nn::Sequences s;
  s.add(std::vector<std::int32_t>{1}, {});
  const nn::Batch<B> batch(b, s);
  Tape<B> tape(b, false);
  Bare bare;
  const auto h = model.forward(tape, batch, bare);
  MasterTensor<B> z(b, h.rows(), model.config().vocabulary);
  lorica::detail::logits_of(b, h.value().cref(), model.head(), MatrixRef<float>(z.ref()));
  out.first_logit = double(*z.data());
  out.forward = seconds_since(start);
  out.peak = peak_resident();
  return out;
}

/// The same in a process of its own, before which this one has started no thread.
Load load_alone(const fs::path& path) {
  int ends[2];
  if (::pipe(ends) != 0) throw FileError("no pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    const Load out = load(path);
    const bool written = ::write(ends[1], &out, sizeof out) == sizeof out;
    ::_exit(written ? 0 : 1);
  }
  Load out;
  ::close(ends[1]);
  const bool read = ::read(ends[0], &out, sizeof out) == sizeof out;
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  if (!read) throw FileError(message("the load of '", path.string(), "' failed"));
  return out;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string shape = argc > 2 ? argv[2] : "llama", type = argc > 3 ? argv[3] : "bf16";
  if (argc < 2 || (shape != "llama" && shape != "gpt2") ||
      (type != "f32" && type != "bf16" && type != "f16")) {
    std::puts("load FOLDER [llama|gpt2] [f32|bf16|f16]");
    return 77;
  }
  const io::Dtype dtype = type == "f32" ? io::Dtype::F32 : type == "f16" ? io::Dtype::F16 : io::Dtype::BF16;
  const fs::path folder = fs::path(argv[1]) / (shape + "_" + type);
  if (!fs::exists(folder / "model.safetensors")) {  // by a child: what it needs is not to count here
    if (::fork() == 0) {
      write_folder(folder, shape, dtype);
      ::_exit(0);
    }
    ::wait(nullptr);
  }
  std::vector<Load> loads;
  for (int i = 0; i <= rounds; ++i) {
    const Load one = load_alone(folder);
    if (i > 0) loads.push_back(one);  // the first has the file in the page cache
  }
  const io::SafeTensors file(folder / "model.safetensors");
  double bytes = 0, numbers = 0;
  for (const auto& t : file.tensors()) {
    bytes += double(t.end - t.begin);
    numbers += double((t.end - t.begin) / io::dtype_size(t.dtype));
  }
  const auto count = static_cast<std::size_t>(numbers);
  std::vector<double> fresh_passes, touched_passes;
  for (int i = 0; i < rounds; ++i) {
    const std::unique_ptr<float[]> buffer(
        new float[count]);  // from the system: nothing was given back so large
    fresh_passes.push_back(one_pass(file, buffer.get()));
    touched_passes.push_back(one_pass(file, buffer.get()));
  }
  const auto of = [&](auto part) {
    std::vector<double> v;
    for (const Load& l : loads) v.push_back(part(l));
    return median(v);
  };
  const double pass = median(fresh_passes), all = of([](const Load&l) { return l.all(); });
  const double peak = of([](const Load& l) { return l.peak; });
  std::printf("%s, %s: %.0f MB stored, %.0f MB in float; %d threads, medians of %d\n", shape.c_str(),
              type.c_str(), bytes * 1e-6, numbers * 4e-6, cpu::threads(), rounds);
  std::printf("one pass into fresh memory: %.3f s (into touched memory: %.3f s)\n", pass,
              median(touched_passes));
  std::printf("open %.3f s, load %.3f s, forward %.3f s: %.3f s\n", of([](const Load& l) { return l.open; }),
              of([](const Load& l) { return l.load; }), of([](const Load& l) { return l.forward; }), all);
  std::printf("of one pass: %.2f (wanted: < 1.5)\n", all / pass);
  std::printf("peak resident: %.0f MB, of the size in float: %.2f (wanted: < 1.2)\n", peak * 1e-6,
              peak / (numbers * 4));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "load: %s\n", error.what());
  return 1;
}
