// SPDX-License-Identifier: MIT
/// @file lorica/io/safetensors_writer.hpp
/// Tensors into one safetensors file, byte for byte as the format's reference implementation lays them out.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/io/dtype.hpp>
#include <lorica/io/file.hpp>
#include <lorica/io/json_value.hpp>
#include <lorica/io/safetensors_reader.hpp>
#include <lorica/io/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lorica::io {

/// Collects tensors and writes them at once. It keeps a copy of those that are given as numbers; those given
/// as a stream need no memory but their own.
///
/// A name given twice, a name that is not UTF-8 or is "__metadata__", or data that do not fill the shape
/// throw ConfigError naming the tensor.
class SafeTensorsWriter {
 public:
  /// Takes the next bytes of a tensor.
  using Put = std::function<void(std::span<const std::byte>)>;
  /// Puts all bytes of a tensor, in pieces of any size.
  using Stream = std::function<void(const Put& put)>;

  /// The bytes as they shall lie in the file: row-major, little-endian.
  void add(std::string name, Dtype dtype, std::vector<index_t> shape, std::span<const std::byte> bytes) {
    const std::size_t needed = claim(name, dtype, shape);
    expects(needed == bytes.size(), "tensor ", json::quote(name), ": given ", bytes.size(), " bytes, but ",
            dtype_name(dtype), " of shape ", shape_text(shape), " needs ", needed);
    keep({std::move(name), dtype, std::move(shape), needed, {bytes.begin(), bytes.end()}, {}});
  }
  /// The same, asked for when the file is written: the tensors come one after another, in the file's order.
  void add(std::string name, Dtype dtype, std::vector<index_t> shape, Stream stream) {
    const std::size_t needed = claim(name, dtype, shape);
    keep({std::move(name), dtype, std::move(shape), needed, {}, std::move(stream)});
  }

  void add(std::string name, std::vector<index_t> shape, std::span<const float> values) {
    add(std::move(name), Dtype::F32, std::move(shape), std::as_bytes(values));
  }
  void add(std::string name, std::vector<index_t> shape, std::span<const double> values) {
    add(std::move(name), Dtype::F64, std::move(shape), std::as_bytes(values));
  }
  void add(std::string name, std::vector<index_t> shape, std::span<const std::int32_t> values) {
    add(std::move(name), Dtype::I32, std::move(shape), std::as_bytes(values));
  }
  void add(std::string name, std::vector<index_t> shape, std::span<const std::int64_t> values) {
    add(std::move(name), Dtype::I64, std::move(shape), std::as_bytes(values));
  }
  /// Rounded to nearest, ties to even.
  void add_bf16(std::string name, std::vector<index_t> shape, std::span<const float> values) {
    add_half(std::move(name), Dtype::BF16, std::move(shape), values, to_bf16);
  }
  /// Rounded to nearest, ties to even; what is too large for a half becomes infinity.
  void add_f16(std::string name, std::vector<index_t> shape, std::span<const float> values) {
    add_half(std::move(name), Dtype::F16, std::move(shape), values, to_f16);
  }

  /// Writes beside `path` and renames; an older file there stays whole if anything fails.
  ///
  /// Larger elements first, then by name: every tensor is then aligned to its element, since the data begin
  /// at a multiple of 8.
  void write(const std::filesystem::path& path,
             const std::map<std::string, std::string>& metadata = {}) const {
    std::vector<const Entry*> order;
    for (const Entry& entry : entries_) order.push_back(&entry);
    std::ranges::sort(order, [](const Entry* a, const Entry* b) {
      return a->dtype != b->dtype ? a->dtype > b->dtype : a->name < b->name;
    });
    const std::string header = header_of(order, metadata);
    expects<FileError>(header.size() <= detail::longest_header, "cannot write '", path.string(),
                       "': its header has ", header.size(), " bytes, expected at most ",
                       detail::longest_header);
    write_atomically(path, [&](std::ostream& out) {
      const auto length = static_cast<std::uint64_t>(header.size());
      char prefix[8];
      std::memcpy(prefix, &length, 8);
      out.write(prefix, 8);
      out.write(header.data(), static_cast<std::streamsize>(header.size()));
      for (const Entry* entry : order) {
        std::size_t written = 0;
        const Put put = [&](std::span<const std::byte> bytes) {
          written += bytes.size();
          out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        };
        if (entry->stream)
          entry->stream(put);
        else
          put(entry->bytes);
        expects(written == entry->size, "tensor ", json::quote(entry->name), ": its stream gave ", written,
                " bytes, but ", dtype_name(entry->dtype), " of shape ", shape_text(entry->shape), " needs ",
                entry->size);
      }
    });
  }

 private:
  struct Entry {
    std::string name;
    Dtype dtype;
    std::vector<index_t> shape;
    std::size_t size;
    std::vector<std::byte> bytes;
    Stream stream;
  };

  /// The bytes that such a tensor has.
  static std::size_t claim(const std::string& name, Dtype dtype, const std::vector<index_t>& shape) {
    const std::string tensor = "tensor " + json::quote(name);
    expects(valid_utf8(name) && name != "__metadata__", tensor, ": expected another name, in UTF-8");
    const std::optional<std::size_t> needed = detail::byte_count(dtype, shape);
    expects(needed.has_value(), tensor, ": ", shape_text(shape), " is no shape a file can hold");
    return needed.value_or(0);
  }
  void keep(Entry entry) {
    expects(names_.insert(entry.name).second, "tensor ", json::quote(entry.name),
            ": given twice, expected once");
    entries_.push_back(std::move(entry));
  }

  void add_half(std::string name, Dtype dtype, std::vector<index_t> shape, std::span<const float> values,
                std::uint16_t (*round)(float)) {
    std::vector<std::uint16_t> bits(values.size());
    std::ranges::transform(values, bits.begin(), round);
    add(std::move(name), dtype, std::move(shape), std::as_bytes(std::span<const std::uint16_t>(bits)));
  }

  [[nodiscard]] static std::string header_of(const std::vector<const Entry*>& order,
                                             const std::map<std::string, std::string>& metadata) {
    json::Object header;
    if (!metadata.empty()) {
      json::Object texts;
      for (const auto& [key, text] : metadata) {
        expects(valid_utf8(key) && valid_utf8(text), "metadata ", json::quote(key), ": expected UTF-8");
        texts.push_back({key, text});
      }
      header.push_back({"__metadata__", std::move(texts)});
    }
    std::size_t begin = 0;
    for (const Entry* entry : order) {
      const std::size_t end = begin + entry->size;
      json::Array extents(entry->shape.begin(), entry->shape.end());
      json::Object info{{"dtype", dtype_name(entry->dtype)},
                        {"shape", std::move(extents)},
                        {"data_offsets", json::Array{begin, end}}};
      header.push_back({entry->name, std::move(info)});
      begin = end;
    }
    std::string text = json::dump(std::move(header));
    text.append((8 - text.size() % 8) % 8, ' ');
    return text;
  }

  std::vector<Entry> entries_;
  std::set<std::string> names_;
};

}  // namespace lorica::io
