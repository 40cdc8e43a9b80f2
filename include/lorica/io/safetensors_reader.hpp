// SPDX-License-Identifier: MIT
/// @file lorica/io/safetensors_reader.hpp
/// A safetensors file, mapped and believed only after every claim of its header has been checked.
///
/// The format: 8 bytes, little-endian, N; then N bytes of JSON, {name: {"dtype", "shape", "data_offsets"}};
/// then the data that the offsets, a begin and an end, count from (README of huggingface/safetensors).
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/io/dtype.hpp>
#include <lorica/io/file.hpp>
#include <lorica/io/json.hpp>
#include <lorica/io/nearest.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace lorica::io {

/// A shape of any number of dimensions as messages print it: [2, 3, 4].
[[nodiscard]] inline std::string shape_text(std::span<const index_t> shape) {
  std::string text = "[";
  for (const index_t extent : shape) (text += text.size() == 1 ? "" : ", ") += std::to_string(extent);
  return text += ']';
}

namespace detail {

/// Bytes of such a tensor, or nothing where an extent is negative or 63 bits do not hold the product.
[[nodiscard]] inline std::optional<std::size_t> byte_count(Dtype dtype, std::span<const index_t> shape) {
  index_t count = static_cast<index_t>(dtype_size(dtype));
  for (const index_t extent : shape) {
    const bool fits = extent == 0 || count <= std::numeric_limits<index_t>::max() / extent;
    if (extent < 0 || !fits) return std::nullopt;
    count *= extent;
  }
  return static_cast<std::size_t>(count);
}

inline constexpr std::size_t longest_header = 100'000'000;  // the reference's limit

}  // namespace detail

/// What a header says of one tensor; `begin` and `end` count bytes from the end of the header.
struct TensorInfo {
  std::string name;
  Dtype dtype = Dtype::F32;
  std::vector<index_t> shape;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// What a tensor can be read as.
template <class T>
concept TensorElement = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int32_t> ||
    std::same_as<T, std::int64_t>;

/// An open safetensors file, read-only. All it throws are FileErrors that name the file and the tensor.
///
/// Move-only; spans of its bytes live as long as it does.
class SafeTensors {
 public:
  explicit SafeTensors(std::filesystem::path path) : path_(std::move(path)), file_(path_) {
    read_header();
    check_layout();
  }
  /// A file of another format that holds tensors end to end as well, from a byte on; the list says which.
  SafeTensors(std::filesystem::path path, std::size_t begin, std::vector<TensorInfo> tensors)
      : path_(std::move(path)), file_(path_), data_begin_(begin), tensors_(std::move(tensors)) {
    if (begin > file_.bytes().size())
      refuse("the file has ", file_.bytes().size(), " bytes, expected at least ", begin);
    check_layout();
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// All tensors, in the order of their data.
  [[nodiscard]] std::span<const TensorInfo> tensors() const { return tensors_; }
  /// The header's "__metadata__".
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }
  [[nodiscard]] bool contains(std::string_view name) const { return places_.contains(name); }

  [[nodiscard]] const TensorInfo& info(std::string_view name) const {
    const auto place = places_.find(name);
    if (place != places_.end()) return tensors_[place->second];
    std::vector<std::string_view> names;
    for (const TensorInfo& tensor : tensors_) names.push_back(tensor.name);
    refuse("no tensor ", json::quote(name),
           names.empty() ? "; the file holds none"
                         : "; the nearest name is " + json::quote(nearest(name, names)));
  }

  /// The tensor as it lies in the file: row-major, little-endian, aligned only if the writer saw to it.
  [[nodiscard]] std::span<const std::byte> bytes(std::string_view name) const {
    const TensorInfo& tensor = info(name);
    return data().subspan(tensor.begin, tensor.end - tensor.begin);
  }
  /// A part of them has been read, see MappedFile.
  void forget(std::span<const std::byte> part) const noexcept { file_.forget(part); }

  /// The tensor's elements, row-major, as T.
  ///
  /// float and double read F64, F32, F16 and BF16, rounded to nearest where T is narrower; the integers read
  /// every integer dtype and BOOL. A finite element too large for T is an error, as is another dtype.
  template <TensorElement T> [[nodiscard]] std::vector<T> read(std::string_view name) const {
    const TensorInfo& tensor = info(name);
    switch (tensor.dtype) {
      case Dtype::F64:
        return decode<T, double, std::floating_point<T>>(tensor);
      case Dtype::F32:
        return decode<T, float, std::floating_point<T>>(tensor);
      case Dtype::F16:
        return decode<T, std::uint16_t, std::floating_point<T>>(tensor, from_f16);
      case Dtype::BF16:
        return decode<T, std::uint16_t, std::floating_point<T>>(tensor, from_bf16);
      case Dtype::I64:
        return decode<T, std::int64_t, std::integral<T>>(tensor);
      case Dtype::I32:
        return decode<T, std::int32_t, std::integral<T>>(tensor);
      case Dtype::I16:
        return decode<T, std::int16_t, std::integral<T>>(tensor);
      case Dtype::I8:
        return decode<T, std::int8_t, std::integral<T>>(tensor);
      case Dtype::U64:
        return decode<T, std::uint64_t, std::integral<T>>(tensor);
      case Dtype::U32:
        return decode<T, std::uint32_t, std::integral<T>>(tensor);
      case Dtype::U16:
        return decode<T, std::uint16_t, std::integral<T>>(tensor);
      case Dtype::U8:
      case Dtype::BOOL:
        return decode<T, std::uint8_t, std::integral<T>>(tensor);
      default:
        refuse_dtype<T>(tensor);
    }
  }

  /// The same; the shape must be `expected`.
  template <TensorElement T>
  [[nodiscard]] std::vector<T> read(std::string_view name, const std::vector<index_t>& expected) const {
    const TensorInfo& tensor = info(name);
    if (tensor.shape != expected) {
      refuse("tensor ", json::quote(name), " is ", shape_text(tensor.shape), ", expected ",
             shape_text(expected));
    }
    return read<T>(name);
  }

 private:
  template <class... Parts> [[noreturn]] void refuse(const Parts&... parts) const {
    throw FileError(message('\'', path_.string(), "': ", parts...));
  }
  template <class... Parts>
  [[noreturn]] void refuse_tensor(std::string_view name, const Parts&... parts) const {
    refuse("tensor ", json::quote(name), ": ", parts...);
  }

  template <class T> [[noreturn]] void refuse_dtype(const TensorInfo& tensor) const {
    const char* const wanted = std::floating_point<T> ? "F64, F32, F16 or BF16" : "an integer type or BOOL";
    refuse_tensor(tensor.name, "dtype is ", dtype_name(tensor.dtype), ", expected ", wanted);
  }

  [[nodiscard]] std::span<const std::byte> data() const { return file_.bytes().subspan(data_begin_); }

  template <class T, class Stored, bool sort_fits, class Decode = std::identity>
  [[nodiscard]] std::vector<T> decode(const TensorInfo& tensor, Decode number = {}) const {
    if constexpr (!sort_fits) {
      refuse_dtype<T>(tensor);
    } else {
      const std::span<const std::byte> raw = data().subspan(tensor.begin, tensor.end - tensor.begin);
      std::vector<T> out(raw.size() / sizeof(Stored));
      for (std::size_t i = 0; i < out.size(); ++i) {
        Stored stored;  // copied out: nothing promises alignment
        std::memcpy(&stored, raw.data() + i * sizeof stored, sizeof stored);
        const auto value = number(stored);
        out[i] = static_cast<T>(value);
        bool held = true;
        if constexpr (std::integral<T>)
          held = std::in_range<T>(value);
        else if constexpr (sizeof value > sizeof(T))
          held = std::isfinite(out[i]) || !std::isfinite(value);
        if (!held) {
          refuse_tensor(tensor.name, "element ", i, " is ", value, ", which ", sizeof(T), " bytes of ",
                        std::integral<T> ? "integer" : "float", " cannot hold");
        }
      }
      return out;
    }
  }

  void read_header() {
    const std::span<const std::byte> all = file_.bytes();
    if (all.size() < 8) {
      refuse("the file has ", all.size(), " bytes, expected at least the 8 that hold the header's length");
    }
    std::uint64_t length = 0;
    std::memcpy(&length, all.data(), 8);
    if (length > detail::longest_header) {
      refuse("a header of ", length, " bytes, expected at most ", detail::longest_header,
             "; is this a safetensors file?");
    }
    if (length > all.size() - 8) {
      refuse("a header of ", length, " bytes, but only ", all.size() - 8,
             " follow its length; is it truncated, or another format?");
    }
    data_begin_ = 8 + static_cast<std::size_t>(length);
    const std::string_view text(reinterpret_cast<const char*>(all.data()) + 8,
                                static_cast<std::size_t>(length));
    if (!text.starts_with('{')) refuse("the header does not begin with {; is this a safetensors file?");
    json::Value header;
    try {
      header = json::parse(text);
    } catch (const json::JsonError& error) {
      refuse("the header is not valid JSON: ", error.what(), " of it");
    }
    for (const json::Member& member : header.as_object()) {
      if (member.key == "__metadata__")
        read_metadata(member.value);
      else
        tensors_.push_back(read_info(member.key, member.value));
    }
  }

  void read_metadata(const json::Value& value) {
    if (!value.is_object()) refuse("\"__metadata__\" is ", value.kind(), ", expected an object of strings");
    for (const auto& [key, text] : value.as_object()) {
      if (!text.is_string()) {
        refuse("\"__metadata__\": member ", json::quote(key), " is ", text.kind(), ", expected a string");
      }
      metadata_.emplace(key, text.as_string());
    }
  }

  [[nodiscard]] TensorInfo read_info(const std::string& name, const json::Value& value) const {
    if (!value.is_object()) refuse_tensor(name, "described by ", value.kind(), ", expected an object");
    const auto member = [&](const char* key) -> const json::Value& {
      if (const json::Value* found = value.find(key)) return *found;
      refuse_tensor(name, "no member \"", key, "\", expected \"dtype\", \"shape\" and \"data_offsets\"");
    };
    const auto sizes = [&](const char* key) {
      const json::Value& list = member(key);
      std::vector<index_t> out;
      if (!list.is_array()) refuse_tensor(name, '"', key, "\" is ", list.kind(), ", expected an array");
      for (const json::Value& item : list.as_array()) {
        if (!item.is_integer() || item.as_integer() < 0) {
          refuse_tensor(name, '"', key, "\" holds ", json::dump(item),
                        ", expected integers from 0 to 2^63 - 1");
        }
        out.push_back(item.as_integer());
      }
      return out;
    };
    TensorInfo out;
    out.name = name;
    const json::Value& dtype = member("dtype");
    if (!dtype.is_string()) refuse_tensor(name, "\"dtype\" is ", dtype.kind(), ", expected a string");
    const std::optional<Dtype> known = dtype_named(dtype.as_string());
    if (!known) {
      refuse_tensor(name, "unknown dtype ", json::quote(dtype.as_string()), ", expected ", dtype_names());
    }
    out.dtype = *known;
    out.shape = sizes("shape");
    const std::vector<index_t> offsets = sizes("data_offsets");
    if (offsets.size() != 2) {
      refuse_tensor(name, "\"data_offsets\" has ", offsets.size(), " entries, expected 2, begin and end");
    }
    out.begin = static_cast<std::size_t>(offsets[0]);
    out.end = static_cast<std::size_t>(offsets[1]);
    return out;
  }

  /// Every tensor as long as its shape says, and all of them end to end over exactly the data there is.
  void check_layout() {
    const std::size_t size = data().size();
    for (const TensorInfo& tensor : tensors_) {
      const std::string offsets = message("data_offsets [", tensor.begin, ", ", tensor.end, "]");
      if (tensor.begin > tensor.end) refuse_tensor(tensor.name, offsets, " end before they begin");
      if (tensor.end > size) {
        refuse_tensor(tensor.name, offsets, " reach beyond the ", size,
                      " bytes of data; is the file truncated?");
      }
      const std::optional<std::size_t> needed = detail::byte_count(tensor.dtype, tensor.shape);
      if (!needed) {
        refuse_tensor(tensor.name, "the size of shape ", shape_text(tensor.shape), " does not fit 63 bits");
      }
      if (*needed != tensor.end - tensor.begin) {
        refuse_tensor(tensor.name, offsets, " hold ", tensor.end - tensor.begin, " bytes, but ",
                      dtype_name(tensor.dtype), " of shape ", shape_text(tensor.shape), " needs ", *needed);
      }
    }
    std::ranges::sort(tensors_, [](const TensorInfo& a, const TensorInfo& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    std::size_t covered = 0;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const TensorInfo& tensor = tensors_[i];
      if (tensor.begin < covered) {
        refuse_tensor(tensor.name, "begins at byte ", tensor.begin, " of the data, inside tensor ",
                      json::quote(tensors_[i - 1].name), ", which ends at ", covered);
      }
      if (tensor.begin > covered) {
        refuse_tensor(tensor.name, "begins at byte ", tensor.begin, " of the data, expected ", covered,
                      "; nothing describes the bytes between");
      }
      covered = tensor.end;
      places_.emplace(tensor.name, i);
    }
    if (covered != size) {
      refuse("the tensors cover ", covered, " bytes, but ", size,
             " follow the header; is the header of another file?");
    }
  }

  std::filesystem::path path_;
  MappedFile file_;
  std::size_t data_begin_ = 0;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::size_t, std::less<>> places_;  // name -> index into tensors_
  std::map<std::string, std::string> metadata_;
};

}  // namespace lorica::io
