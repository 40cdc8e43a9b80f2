// SPDX-License-Identifier: MIT
/// @file lorica/io/model_weights.hpp
/// The weights of a model folder: model.safetensors, or the shards that model.safetensors.index.json lists.
/// Files stay mapped; a tensor that lies there as float is used where it lies.
#pragma once

#include <lorica/io/config_file.hpp>
#include <lorica/io/safetensors.hpp>
#include <lorica/nn/models/names.hpp>
#include <lorica/nn/weights.hpp>

#include <numeric>

namespace lorica::io {

namespace detail {
/// `to.size()` numbers of a stored type, from the first-th on.
template <class Stored, class Decode>
void decode_stretch(std::span<const std::byte> raw, index_t first, index_t stride, std::span<float> to,
                    Decode number) {
  const std::byte* at = raw.data() + static_cast<std::size_t>(first) * sizeof(Stored);
  for (float& x : to) {
    Stored stored;  // copied out: nothing promises alignment
    std::memcpy(&stored, at, sizeof stored);
    x = static_cast<float>(number(stored));
    at += static_cast<std::size_t>(stride) * sizeof(Stored);
  }
}
inline void decode_stretch(Dtype dtype, std::span<const std::byte> raw, index_t first, index_t stride,
                           std::span<float> to) {
  switch (dtype) {
    case Dtype::F64:
      return decode_stretch<double>(raw, first, stride, to, std::identity{});
    case Dtype::F32:
      return decode_stretch<float>(raw, first, stride, to, std::identity{});
    case Dtype::F16:
      return decode_stretch<std::uint16_t>(raw, first, stride, to, from_f16);
    default:
      return decode_stretch<std::uint16_t>(raw, first, stride, to, from_bf16);
  }
}
}  // namespace detail

/// All tensors of a folder, by name.
class ModelWeights {
 public:
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

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] bool contains(const std::string& name) const { return file_of_.contains(name); }
  /// f(file, tensor) for every tensor.
  template <class F> void for_each(F f) const {
    for (const auto& file : files_)
      for (const TensorInfo& t : file->tensors()) f(*file, t);
  }

  /// The numbers of a matrix [rows, cols] or vector [1, cols]. `transposed`: it is stored [cols, rows];
  /// `skipped`: rows stored before the first.
  [[nodiscard]] nn::Numbers numbers(const std::string& name, Shape want, bool transposed = false,
                                    index_t skipped = 0) const {
    const auto found = file_of_.find(name);
    const auto& file = found == file_of_.end() ? files_.front() : found->second;
    const TensorInfo& t = file->info(name);  // or an error with the nearest name
    std::vector<index_t> expected = {want.rows + skipped, want.cols};
    if (transposed) std::swap(expected[0], expected[1]);
    if (want.rows == 1 && t.shape.size() == 1) expected = {want.cols};
    // A convolution's kernel: what follows the first extent is one row here.
    if (t.shape.size() > 2 && t.shape[0] == want.rows && !transposed && skipped == 0 &&
        std::accumulate(t.shape.begin() + 1, t.shape.end(), index_t(1), std::multiplies<>()) == want.cols)
      expected = t.shape;
    expects<FileError>(t.shape == expected, "'", file->path().string(), "': tensor ", json::quote(name),
                       " is ", shape_text(t.shape), ", the configuration expects ", shape_text(expected));
    expects<FileError>(
        t.dtype == Dtype::F32 || t.dtype == Dtype::F16 || t.dtype == Dtype::BF16 || t.dtype == Dtype::F64,
        "'", file->path().string(), "': tensor ", json::quote(name), " is ", dtype_name(t.dtype),
        ", expected F32, F16, BF16 or F64");
    const auto raw = file->bytes(name);
    const index_t size = want.rows * want.cols, start = skipped * want.cols;
    if (transposed)
      return {size, [file, raw, dtype = t.dtype, want](index_t first, std::span<float> to) {
                take_transposed(dtype, raw, want, first, to);
              }};
    const auto address = reinterpret_cast<std::uintptr_t>(raw.data());
    if (t.dtype == Dtype::F32 && address % alignof(float) == 0)
      return {std::span(reinterpret_cast<const float*>(raw.data()) + start, static_cast<std::size_t>(size)),
              file};
    return {size, [file, raw, dtype = t.dtype, start](index_t first, std::span<float> to) {
              detail::decode_stretch(dtype, raw, start + first, 1, to);
            }};
  }

 private:
  void open(const std::filesystem::path& path) {
    files_.push_back(std::make_shared<const SafeTensors>(path));
    for (const TensorInfo& t : files_.back()->tensors()) {
      const bool fresh = file_of_.emplace(t.name, files_.back()).second;
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
  /// Numbers of W [rows, cols] from what is stored as W^T.
  static void take_transposed(Dtype dtype, std::span<const std::byte> raw, Shape w, index_t first,
                              std::span<float> to) {
    index_t done = 0;
    const auto n = static_cast<index_t>(to.size());
    while (done < n) {
      const index_t row = (first + done) / w.cols, col = (first + done) % w.cols;
      const index_t count = std::min(n - done, w.cols - col);
      detail::decode_stretch(dtype, raw, col * w.rows + row, w.rows,
                             to.subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(count)));
      done += count;
    }
  }

  std::filesystem::path folder_;
  std::vector<std::shared_ptr<const SafeTensors>> files_;
  std::map<std::string, std::shared_ptr<const SafeTensors>> file_of_;
};

/// The weights for the constructor of a model, under the names of its family; under our own, where its table
/// is empty. A file may leave the prefix of the family out (a model saved without its head); gains and biases
/// of norms may be called gamma and beta.
inline nn::Source source(std::shared_ptr<const ModelWeights> weights, nn::Names names) {
  if (names.parts.empty())
    return [weights = std::move(weights)](const std::string& name, Shape shape) {
      return weights->numbers(name, shape);
    };
  const auto first = std::string(names.parts.front().theirs) + ".weight";
  if (!weights->contains(std::string(names.prefix) + first) && weights->contains(first)) names.prefix = "";
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
