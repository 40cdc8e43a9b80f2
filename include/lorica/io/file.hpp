// SPDX-License-Identifier: MIT
/// @file lorica/io/file.hpp
/// Whole files: read, mapped, and written so that a reader sees the old one or the new one, never a part.
#pragma once

#include <lorica/core/check.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <ostream>
#include <span>
#include <streambuf>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace lorica::io {

namespace detail {

[[nodiscard]] inline std::string system_text(int number) { return std::generic_category().message(number); }

/// An open file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

struct OpenFile {
  Descriptor descriptor;
  struct stat status;
};

[[nodiscard]] inline OpenFile open_for_reading(const std::filesystem::path& path) {
  OpenFile file{Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), {}};
  if (file.descriptor.number() < 0 || ::fstat(file.descriptor.number(), &file.status) != 0) {
    const int why = errno;
    throw FileError(message("cannot read '", path.string(), "': ", system_text(why)));
  }
  if (S_ISDIR(file.status.st_mode)) {
    throw FileError(message("cannot read '", path.string(), "': it is a directory, expected a file"));
  }
  return file;
}

/// Appends to `out` (a string or a vector of bytes) until the end of the file; pipes are welcome.
template <class Out> [[nodiscard]] Out read_all(const std::filesystem::path& path) {
  const OpenFile file = open_for_reading(path);
  Out out;
  std::size_t filled = 0;
  for (;;) {
    // One byte more than the file says it holds, so that a regular file ends on the first full pass.
    const auto told = file.status.st_size > 0 ? static_cast<std::size_t>(file.status.st_size) : 0;
    if (filled == out.size()) out.resize(filled <= told ? told + 1 : filled + filled / 2 + 65536);
    const ssize_t got = ::read(file.descriptor.number(), out.data() + filled, out.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int why = errno;
      throw FileError(message("cannot read '", path.string(), "': ", system_text(why)));
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  expects<FileError>(filled > 0, "'", path.string(), "' is empty, expected at least one byte");
  out.resize(filled);
  return out;
}

/// A stream buffer over a descriptor that remembers why the first write failed.
class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int descriptor) : descriptor_(descriptor), held_(65536) {
    setp(held_.data(), held_.data() + held_.size());
  }
  [[nodiscard]] int why() const { return why_; }

 protected:
  int_type overflow(int_type next) override {
    if (sync() != 0) return traits_type::eof();
    if (traits_type::eq_int_type(next, traits_type::eof())) return traits_type::not_eof(next);
    return sputc(traits_type::to_char_type(next));
  }
  int sync() override {
    const bool written = write_all(pbase(), static_cast<std::size_t>(pptr() - pbase()));
    setp(held_.data(), held_.data() + held_.size());
    return written ? 0 : -1;
  }
  std::streamsize xsputn(const char* from, std::streamsize count) override {
    if (count < epptr() - pptr()) return std::streambuf::xsputn(from, count);
    return sync() == 0 && write_all(from, static_cast<std::size_t>(count)) ? count : 0;
  }

 private:
  bool write_all(const char* from, std::size_t count) {
    while (count > 0 && why_ == 0) {
      const ssize_t put = ::write(descriptor_, from, count);
      if (put < 0) {
        if (errno != EINTR) why_ = errno;
        continue;
      }
      from += put;
      count -= static_cast<std::size_t>(put);
    }
    return why_ == 0;
  }

  int descriptor_;
  int why_ = 0;
  std::vector<char> held_;
};

/// A new file beside its destination; removed again unless it was kept.
class Temporary {
 public:
  explicit Temporary(const std::filesystem::path& destination) : descriptor_(-1) {
    static std::atomic<unsigned> count{0};
    const std::filesystem::path folder = destination.parent_path();
    do {
      path_ = folder / message(".lorica-", ::getpid(), '-', count++, ".tmp");
      descriptor_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    } while (descriptor_.number() < 0 && errno == EEXIST);
    if (descriptor_.number() < 0) {
      const int why = errno;
      path_.clear();
      throw FileError(message("cannot write '", destination.string(), "': its folder takes no new file (",
                              system_text(why), ')'));
    }
  }
  Temporary(Temporary&&) = delete;
  ~Temporary() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  [[nodiscard]] int descriptor() const { return descriptor_.number(); }
  /// Returns 0, or what the system said.
  [[nodiscard]] int close() { return ::close(descriptor_.release()) == 0 ? 0 : errno; }
  [[nodiscard]] int rename_to(const std::filesystem::path& destination) {
    if (::rename(path_.c_str(), destination.c_str()) != 0) return errno;
    path_.clear();
    return 0;
  }

 private:
  Descriptor descriptor_;
  std::filesystem::path path_;
};

/// A new folder below another, gone with all that is in it when the object is.
class Beside {
 public:
  explicit Beside(const std::filesystem::path& folder) {
    static std::atomic<unsigned> count{0};
    path_ = folder / message(".lorica-", ::getpid(), '-', count++, ".tmp");
    std::error_code why;
    const bool made = std::filesystem::create_directory(path_, why);
    expects<FileError>(made, "cannot write '", folder.string(), "': it takes no new folder (", why.message(),
                       ')');
  }
  Beside(Beside&&) = delete;
  ~Beside() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace detail

/// The whole file as text. Throws FileError where it is missing, unreadable, a directory or empty.
[[nodiscard]] inline std::string read_text(const std::filesystem::path& path) {
  return detail::read_all<std::string>(path);
}

/// The whole file as bytes, the tokens of a byte-level model. Throws as `read_text` does.
[[nodiscard]] inline std::vector<std::uint8_t> bytes(const std::filesystem::path& path) {
  return detail::read_all<std::vector<std::uint8_t>>(path);
}

/// Calls `writer(std::ostream&)` on a new file beside `path` and then renames it over `path`.
///
/// What was at `path` stays whole when the writer throws, the disk is full or the process is killed. A
/// symbolic link is followed, the permissions of an existing file are kept, and the folder must exist.
template <class Writer>
  requires(std::invocable<Writer&, std::ostream&>)
void write_atomically(const std::filesystem::path& path, Writer&& writer) {
  std::error_code ignored;
  const bool linked = std::filesystem::is_symlink(path, ignored);
  const std::filesystem::path target = linked ? std::filesystem::weakly_canonical(path, ignored) : path;
  struct stat old {};
  const bool exists = ::stat(target.c_str(), &old) == 0;
  // Renaming over a folder fails late; renaming over a device (/dev/null) would replace it.
  expects<FileError>(!exists || S_ISREG(old.st_mode), "cannot write '", path.string(),
                     S_ISDIR(old.st_mode) ? "': it is a directory, expected the name of a file"
                                          : "': it is a device or a pipe, expected a regular file");
  detail::Temporary beside(target);
  detail::DescriptorBuffer buffer(beside.descriptor());
  std::ostream out(&buffer);
  writer(out);
  out.flush();
  int why = buffer.why();
  if (why == 0 && !out) why = EIO;  // the writer itself gave the stream up
  if (why == 0 && exists && ::fchmod(beside.descriptor(), old.st_mode & 07777) != 0) why = errno;
  if (why == 0 && ::fsync(beside.descriptor()) != 0) why = errno;
  if (why == 0) why = beside.close();
  if (why == 0) why = beside.rename_to(target);
  expects<FileError>(why == 0, "cannot write '", path.string(), "': ", detail::system_text(why),
                     exists ? "; the old file is untouched" : "");
  // The rename itself lives in the folder. A file system that cannot sync one has still renamed.
  const std::filesystem::path folder =
      target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
  const detail::Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.number() >= 0) static_cast<void>(::fsync(directory.number()));
}

/// The same for contents that exist already.
inline void write_atomically(const std::filesystem::path& path, std::string_view contents) {
  write_atomically(path, [&](std::ostream& out) {
    out.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  });
}

/// This memory will be written from end to end: the system may hand it out in pages of megabytes, which it
/// clears at once. Without a word about it, the first touch of memory costs more than reading a file into it.
inline void about_to_fill(std::span<std::byte> memory) noexcept {
#if defined(MADV_HUGEPAGE)
  constexpr std::uintptr_t large = std::uintptr_t(2) << 20;  // on x86-64; elsewhere a multiple or a part
  const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  const auto begin = (address + large - 1) / large * large, end = (address + memory.size()) / large * large;
  if (begin < end)
    static_cast<void>(::madvise(memory.data() + (begin - address), end - begin, MADV_HUGEPAGE));
#else
  static_cast<void>(memory);
#endif
}

/// A regular file as read-only memory; pages are read when touched, and shared with other processes.
///
/// Move-only; the bytes live as long as the object, wherever it is moved. An empty file has no bytes.
/// A file that somebody truncates meanwhile ends the process; files of this library are renamed, not cut.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path) {
    const detail::OpenFile file = detail::open_for_reading(path);
    expects<FileError>(S_ISREG(file.status.st_mode), "cannot map '", path.string(),
                       "': it is a device or a pipe, expected a regular file");
    if (file.status.st_size == 0) return;
    const auto size = static_cast<std::size_t>(file.status.st_size);
    void* const at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor.number(), 0);
    if (at == MAP_FAILED) {
      const int why = errno;
      throw FileError(message("cannot map '", path.string(), "': ", detail::system_text(why)));
    }
    at_ = at;
    size_ = size;
  }
  MappedFile(MappedFile&& other) noexcept
      : at_(std::exchange(other.at_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~MappedFile() {
    if (at_ != nullptr) ::munmap(at_, size_);
  }

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(at_), size_};
  }
  /// These bytes of it have been read: their pages no longer count as memory of this process. Whoever reads
  /// them again gets them again.
  void forget(std::span<const std::byte> part) const noexcept {
    if (part.empty()) return;
    static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = static_cast<std::size_t>(part.data() - bytes().data()) / page * page;
    const auto end = static_cast<std::size_t>(part.data() - bytes().data()) + part.size();
    static_cast<void>(::madvise(static_cast<std::byte*>(at_) + begin, end - begin, MADV_DONTNEED));
  }

 private:
  void* at_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace lorica::io
