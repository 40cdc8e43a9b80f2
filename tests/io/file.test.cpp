// SPDX-License-Identifier: MIT
#include <lorica/io/file.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>

#include <csignal>
#include <cstring>
#include <ostream>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <sys/resource.h>

using namespace lorica;
using test::contents;
using test::has;
using test::Scratch;
using test::thrown;

TEST_CASE("files are read whole, as text or as bytes", "[io][file]") {
  const Scratch scratch;
  const std::string all("a\0\xFF\n", 4);
  const auto path = scratch.file("some", all);
  REQUIRE(io::read_text(path) == all);
  REQUIRE(io::bytes(path) == std::vector<std::uint8_t>{'a', 0, 0xFF, '\n'});
  const std::string large(300'001, 'x');
  REQUIRE(io::read_text(scratch.file("large", large)) == large);
  REQUIRE(has(io::read_text("/proc/self/status"), "Pid:"));  // a file that says it has 0 bytes
}

TEST_CASE("what cannot be read is named with the reason", "[io][file]") {
  const Scratch scratch;
  const auto read = [](const std::filesystem::path& path) {
    const std::string text = thrown<FileError>([&] { static_cast<void>(io::read_text(path)); });
    const std::string raw = thrown<FileError>([&] { static_cast<void>(io::bytes(path)); });
    REQUIRE(text == raw);
    REQUIRE(has(text, path.string()));
    return text;
  };
  REQUIRE(has(read(scratch / "missing"), "No such file"));
  REQUIRE(has(read(scratch.folder()), "is a directory, expected a file"));
  REQUIRE(has(read(scratch.file("empty", "")), "is empty, expected at least one byte"));
  const auto locked = scratch.file("locked", "x");
  std::filesystem::permissions(locked, std::filesystem::perms::none);
  if (::geteuid() != 0) REQUIRE(has(read(locked), "denied"));  // root may read everything
}

TEST_CASE("a file is written beside its place and renamed into it", "[io][file]") {
  const Scratch scratch;
  const auto path = scratch.file("state", "old");
  io::write_atomically(path, [&](std::ostream& out) {
    out << "new" << std::flush;
    REQUIRE(contents(path) == "old");
  });
  REQUIRE(contents(path) == "new");
  REQUIRE(scratch.entries() == 1);
  const std::string large(200'000, 'y');
  io::write_atomically(scratch / "second", large);
  REQUIRE(contents(scratch / "second") == large);
  io::write_atomically(scratch / "second", std::string());
  REQUIRE(contents(scratch / "second").empty());
}

TEST_CASE("small and large pieces arrive in order", "[io][file]") {
  const Scratch scratch;
  std::string expected;
  io::write_atomically(scratch / "pieces", [&](std::ostream& out) {
    for (std::size_t i = 1; i < 200'000; i = i * 3 + 1) {
      const std::string piece(i, static_cast<char>('a' + i % 26));
      out << piece;
      out.put('|');
      expected += piece + '|';
    }
  });
  REQUIRE(contents(scratch / "pieces") == expected);
}

TEST_CASE("a writer that fails leaves the old file whole and nothing beside it", "[io][file]") {
  const Scratch scratch;
  const auto path = scratch.file("state", "old");
  REQUIRE_THROWS_AS(io::write_atomically(path,
                                         [](std::ostream& out) {
                                           out << "half";
                                           throw std::logic_error("no more");
                                         }),
                    std::logic_error);
  REQUIRE(contents(path) == "old");
  const std::string why = thrown<FileError>(
      [&] { io::write_atomically(path, [](std::ostream& out) { out.setstate(std::ios::failbit); }); });
  REQUIRE(has(why, path.string()));
  REQUIRE(has(why, "the old file is untouched"));
  REQUIRE(contents(path) == "old");
  REQUIRE(scratch.entries() == 1);
}

TEST_CASE("a disk that takes no more bytes is an error that leaves the old file", "[io][file]") {
  const Scratch scratch;
  const auto path = scratch.file("state", "old");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{10'000, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string why = thrown<FileError>([&] { io::write_atomically(path, std::string(100'000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  REQUIRE(has(why, "File too large"));
  REQUIRE(contents(path) == "old");
  REQUIRE(scratch.entries() == 1);
}

TEST_CASE("folders, devices and missing folders are refused before anything is written", "[io][file]") {
  const Scratch scratch;
  const auto write = [](const std::filesystem::path& path) {
    bool called = false;
    const std::string why =
        thrown<FileError>([&] { io::write_atomically(path, [&](std::ostream&) { called = true; }); });
    REQUIRE_FALSE(called);
    REQUIRE(has(why, path.string()));
    return why;
  };
  REQUIRE(has(write(scratch.folder()), "is a directory"));
  REQUIRE(has(write("/dev/null"), "device"));
  REQUIRE(has(write(scratch / "no/file"), "No such file"));
  REQUIRE(scratch.entries() == 0);
}

TEST_CASE("links are followed and permissions are kept", "[io][file]") {
  const Scratch scratch;
  const auto path = scratch.file("real", "old");
  std::filesystem::permissions(path,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::filesystem::create_symlink("real", scratch / "link");
  io::write_atomically(scratch / "link", "new");
  REQUIRE(std::filesystem::is_symlink(scratch / "link"));
  REQUIRE(contents(path) == "new");
  const auto kept = std::filesystem::status(path).permissions();
  REQUIRE(kept == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("a mapped file has the file's bytes, also after a move", "[io][file]") {
  static_assert(!std::is_copy_constructible_v<io::MappedFile> && !std::is_copy_assignable_v<io::MappedFile>);
  const Scratch scratch;
  io::MappedFile first(scratch.file("some", "hello"));
  const std::byte* const place = first.bytes().data();
  io::MappedFile second(std::move(first));
  REQUIRE(second.bytes().data() == place);
  REQUIRE(second.bytes().size() == 5);
  REQUIRE(std::memcmp(second.bytes().data(), "hello", 5) == 0);
  io::MappedFile third(scratch.file("other", "x"));
  third = std::move(second);
  REQUIRE(third.bytes().data() == place);
  REQUIRE(io::MappedFile(scratch.file("empty", "")).bytes().empty());
  REQUIRE(has(thrown<FileError>([&] { io::MappedFile(scratch / "missing"); }), "missing"));
  REQUIRE(has(thrown<FileError>([&] { io::MappedFile(scratch.folder()); }), "directory"));
  REQUIRE(has(thrown<FileError>([&] { io::MappedFile("/dev/null"); }), "device"));
}

TEST_CASE("what was forgotten of a mapped file is read again", "[io][file]") {
  const Scratch scratch;
  std::string large(100'000, 'x');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i % 127);
  const io::MappedFile map(scratch.file("large", large));
  const auto same = [&] { return std::memcmp(map.bytes().data(), large.data(), large.size()) == 0; };
  REQUIRE(same());
  map.forget(map.bytes().subspan(5000, 60'000));
  REQUIRE(same());
  map.forget(map.bytes());
  map.forget(map.bytes().subspan(large.size()));
  REQUIRE(same());
}

TEST_CASE("memory about to be filled is what it was", "[io][file]") {
  std::vector<std::byte> memory(std::size_t(9) << 20, std::byte{7});
  for (const std::size_t first : {std::size_t(0), std::size_t(1), std::size_t(5'000'000), memory.size()})
    io::about_to_fill(std::span(memory).subspan(first));
  REQUIRE(std::ranges::count(memory, std::byte{7}) == std::ptrdiff_t(memory.size()));
}

TEST_CASE("a folder beside is gone with what is in it", "[io][file]") {
  const Scratch scratch;
  {
    const io::detail::Beside beside(scratch.folder());
    std::ofstream(beside.path() / "some") << "text";
    REQUIRE(std::filesystem::exists(beside.path() / "some"));
    REQUIRE(scratch.entries() == 1);
  }
  REQUIRE(scratch.entries() == 0);
  REQUIRE(has(thrown<FileError>([&] { io::detail::Beside(scratch / "none"); }), "takes no new folder"));
}

TEST_CASE("a mapping outlives the name: renaming over a mapped file is safe", "[io][file]") {
  const Scratch scratch;
  const auto path = scratch.file("weights", "old");
  const io::MappedFile map(path);
  io::write_atomically(path, "newer");
  REQUIRE(std::memcmp(map.bytes().data(), "old", 3) == 0);
}
