// SPDX-License-Identifier: MIT
/// @file lorica/io/model_weights.hpp
/// The weights of a model folder: model.safetensors, or the shards that model.safetensors.index.json lists.
/// Files stay mapped; a tensor that lies there as float is used where it lies.
#pragma once

#include <lorica/io/config_file.hpp>
#include <lorica/io/decode.hpp>
#include <lorica/io/safetensors.hpp>
#include <lorica/nn/models/names.hpp>
#include <lorica/nn/weights.hpp>

#include <cstring>
#include <numeric>

namespace lorica::io {

/// All tensors of a model, by name.
class ModelWeights {
 public:
  /// Of a folder.
  explicit ModelWeights(const std::filesystem::path& folder) : folder_(folder) {
    const auto whole = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
    if (std::filesystem::exists(whole)) {
      open(whole);
    } else if (std::filesystem::exists(index)) {
      open_shards(index);
    } else {
      throw FileError(message("'", folder.string(),
                              "': no weights: neither model.safetensors nor model.safetensors.index.json",
                              std::filesystem::exists(folder / "pytorch_model.bin")
                                  ? "; a pytorch_model.bin must be saved as safetensors first"
                                  : ""));
    }
  }

  /// Of one file of another format, those tensors of it that are named. The number is 0, or that of rows of a
  /// head, where the file has those two side by side that are turned together, and a model half a head apart.
  ModelWeights(std::shared_ptr<const SafeTensors> file, const std::map<std::string, index_t>& names)
      : folder_(file->path().parent_path()) {
    for (const auto& [name, head] : names) stored_.emplace(name, Stored{file, head});
    files_.push_back(std::move(file));
  }

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] bool contains(const std::string& name) const { return stored_.contains(name); }
  /// Whether the rows of a tensor lie in the file in their order.
  [[nodiscard]] bool in_order(const std::string& name) const { return stored_.at(name).head == 0; }
  /// Whether two tensors are the same bytes of the same type and shape.
  [[nodiscard]] bool same(const std::string& one, const std::string& other) const {
    const auto &a = *stored_.at(one).file, &b = *stored_.at(other).file;
    const TensorInfo &x = a.info(one), &y = b.info(other);
    if (x.dtype != y.dtype || x.shape != y.shape) return false;
    const auto left = a.bytes(one), right = b.bytes(other);
    constexpr std::size_t at_once = std::size_t(1) << 24;
    for (std::size_t at = 0; at < left.size(); at += at_once) {
      const auto n = std::min(at_once, left.size() - at);
      const bool equal = std::memcmp(left.data() + at, right.data() + at, n) == 0;
      a.forget(left.subspan(at, n));
      b.forget(right.subspan(at, n));
      if (!equal) return false;
    }
    return true;
  }
  /// f(file, tensor) for every tensor.
  template <class F> void for_each(F f) const {
    for (const auto& file : files_)
      for (const TensorInfo& t : file->tensors())
        if (contains(t.name)) f(*file, t);
  }

  /// The numbers of a matrix [rows, cols] or vector [1, cols]. `transposed`: it is stored [cols, rows];
  /// `skipped`: rows stored before the first. What has been read of the file is forgotten again, but for what
  /// is used where it lies.
  [[nodiscard]] nn::Numbers numbers(const std::string& name, Shape want, bool transposed = false,
                                    index_t skipped = 0) const {
    const auto found = stored_.find(name);
    const auto [file, head] = found == stored_.end() ? Stored{files_.front(), 0} : found->second;
    const TensorInfo& t = file->info(name);  // or an error with the nearest name
    check(*file, t, want, transposed, skipped);
    const auto raw =
        file->bytes(name).subspan(static_cast<std::size_t>(skipped * want.cols) * dtype_size(t.dtype));
    const index_t size = want.rows * want.cols;
    if (transposed) return {size, transposed_from(file, t.dtype, raw, want)};
    if (head > 0) return {size, turned_from(file, t.dtype, raw, want.cols, head)};
    auto copied = copied_from(file, t.dtype, raw);
    const auto address = reinterpret_cast<std::uintptr_t>(raw.data());
    if (t.dtype != Dtype::F32 || address % alignof(float) != 0) return {size, std::move(copied)};
    return {std::span(reinterpret_cast<const float*>(raw.data()), static_cast<std::size_t>(size)), file,
            std::move(copied)};
  }

 private:
  void open(const std::filesystem::path& path) {
    files_.push_back(std::make_shared<const SafeTensors>(path));
    for (const TensorInfo& t : files_.back()->tensors()) {
      const bool fresh = stored_.emplace(t.name, Stored{files_.back(), 0}).second;
      expects<FileError>(fresh, "'", path.string(), "': tensor ", json::quote(t.name),
                         " is in another shard as well");
    }
  }
  void open_shards(const std::filesystem::path& index) {
    const ConfigFile file(index);
    const auto map = file.object("weight_map");
    if (!map) file.refuse("the key \"weight_map\" is missing");
    std::map<std::string, std::vector<std::string>> shards;
    for (const auto& [name, where] : map->json().as_object()) shards[map->text(name)].push_back(name);
    expects<FileError>(!shards.empty(), "'", index.string(), "': \"weight_map\" is empty");
    for (const auto& [shard, names] : shards) {
      expects<FileError>(std::filesystem::path(shard).filename() == shard, "'", index.string(),
                         "': a shard is ", json::quote(shard), ", expected the name of a file beside it");
      open(index.parent_path() / shard);
      for (const auto& name : names)
        expects<FileError>(files_.back()->contains(name), "'", index.string(), "': ", json::quote(name),
                           " should be in ", json::quote(shard), ", which does not have it");
    }
  }
  static void check(const SafeTensors& file, const TensorInfo& t, Shape want, bool transposed,
                    index_t skipped) {
    std::vector<index_t> expected = {want.rows + skipped, want.cols};
    if (transposed) std::swap(expected[0], expected[1]);
    if (want.rows == 1 && t.shape.size() == 1 && skipped == 0) expected = {want.cols};
    // A convolution's kernel: what follows the first extent is one row here.
    if (t.shape.size() > 2 && t.shape[0] == want.rows && !transposed && skipped == 0 &&
        std::accumulate(t.shape.begin() + 1, t.shape.end(), index_t(1), std::multiplies<>()) == want.cols)
      expected = t.shape;
    expects<FileError>(t.shape == expected, "'", file.path().string(), "': tensor ", json::quote(t.name),
                       " is ", shape_text(t.shape), ", the configuration expects ", shape_text(expected));
    expects<FileError>(
        t.dtype == Dtype::F32 || t.dtype == Dtype::F16 || t.dtype == Dtype::BF16 || t.dtype == Dtype::F64,
        "'", file.path().string(), "': tensor ", json::quote(t.name), " is ", dtype_name(t.dtype),
        ", expected F32, F16, BF16 or F64");
  }

  using File = std::shared_ptr<const SafeTensors>;
  using Raw = std::span<const std::byte>;
  static constexpr index_t piece = index_t(1) << 18;  // numbers that a thread reads before it forgets them

  static nn::Numbers::Stretch copied_from(File file, Dtype dtype, Raw raw) {
    return [file = std::move(file), dtype, raw](index_t first, std::span<float> to) {
      const auto part = [&](index_t at, index_t n) {
        const auto from = raw.subspan(static_cast<std::size_t>(first + at) * dtype_size(dtype),
                                      static_cast<std::size_t>(n) * dtype_size(dtype));
        decode(dtype, from, to.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(n)));
        file->forget(from);
      };
      about_to_fill(std::as_writable_bytes(to));
      detail::in_pieces(static_cast<index_t>(to.size()), piece, part);
    };
  }
  /// W [rows, cols] from what is stored as W^T: every piece reads of all pages.
  static nn::Numbers::Stretch transposed_from(File file, Dtype dtype, Raw raw, Shape w) {
    return [file = std::move(file), dtype, raw, w](index_t first, std::span<float> to) {
      const auto n = static_cast<index_t>(to.size()), tiles = std::max<index_t>(piece / w.cols / 16, 1);
      about_to_fill(std::as_writable_bytes(to));
      detail::in_pieces(n, tiles * 16 * w.cols, [&](index_t at, index_t count) {
        decode_transposed(dtype, raw, w, first + at,
                          to.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count)));
      });
      if (first + n == w.rows * w.cols) file->forget(raw);
    };
  }
  /// Rows (j, j + head / 2) from (2j, 2j + 1).
  static nn::Numbers::Stretch turned_from(File file, Dtype dtype, Raw raw, index_t cols, index_t head) {
    return [file = std::move(file), dtype, raw, cols, head](index_t first, std::span<float> to) {
      const auto n = static_cast<index_t>(to.size());
      for (index_t done = 0; done < n;) {
        const index_t row = (first + done) / cols, col = (first + done) % cols, j = row % head;
        const index_t from = row - j + (2 * j < head ? 2 * j : 2 * j - head + 1);
        const index_t count = std::min(n - done, cols - col);
        decode(dtype, raw.subspan(static_cast<std::size_t>(from * cols + col) * dtype_size(dtype)),
               to.subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(count)));
        done += count;
      }
    };
  }

  /// Where a tensor lies, and as above how.
  struct Stored {
    File file;
    index_t head;
  };
  std::filesystem::path folder_;
  std::vector<File> files_;
  std::map<std::string, Stored> stored_;
};

/// The table of a family for these weights: a file may leave its prefix out (a model saved without its head).
inline nn::Names names_in(const ModelWeights& weights, nn::Names names) {
  if (names.parts.empty()) return names;
  const auto first = std::string(names.parts.front().theirs) + ".weight";
  if (!weights.contains(std::string(names.prefix) + first) && weights.contains(first)) names.prefix = "";
  return names;
}

/// The weights for the constructor of a model, under the names of its family; under our own, where its table
/// is empty. Gains and biases of norms may be called gamma and beta.
inline nn::Source source(std::shared_ptr<const ModelWeights> weights, nn::Names names) {
  if (names.parts.empty())
    return [weights = std::move(weights)](const std::string& name, Shape shape) {
      return weights->numbers(name, shape);
    };
  names = names_in(*weights, names);
  return [weights = std::move(weights), names](const std::string& name, Shape shape) {
    std::string theirs = names.tensor(name);
    if (!weights->contains(theirs)) {
      const auto dot = theirs.rfind('.');
      const std::string old = theirs.substr(0, dot) + (theirs.ends_with(".weight") ? ".gamma" : ".beta");
      if (weights->contains(old)) theirs = old;
    }
    const bool site = name.starts_with("blocks.") && name.ends_with(".weight") && shape.rows > 1;
    return weights->numbers(theirs, shape, names.transposed && site,
                            name == "positions.weight" ? names.first_position : 0);
  };
}

}  // namespace lorica::io
