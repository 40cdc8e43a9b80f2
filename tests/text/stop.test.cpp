// SPDX-License-Identifier: MIT
#include <lorica/text/stop.hpp>

#include <lorica/text/bytes.hpp>
#include <lorica/text/decoder.hpp>

#include <support/catch.hpp>

using namespace lorica;

namespace {
/// A tokenizer whose tokens are given, decoded as Llama's are: bytes as <0xNN>, words after a mark.
struct Pieces {
  std::vector<std::string> pieces;
  [[nodiscard]] text::Encoding encode(std::string_view) const { return {}; }
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids) const {
    std::vector<std::string> tokens;
    for (const std::int32_t id : ids) tokens.push_back(pieces[static_cast<std::size_t>(id)]);
    text::decode_byte_fallback(tokens);
    text::DecodeMetaspace{"_", true}(tokens);
    text::fuse(tokens);
    return tokens.front();
  }
  [[nodiscard]] index_t size() const { return static_cast<index_t>(pieces.size()); }
};
/// What is given out token by token, a bar between two, and behind ! what comes at the end.
template <text::Tokenizer T>
std::string streamed(const T& tokenizer, const std::vector<std::int32_t>& ids,
                     std::vector<std::string> stops) {
  text::UntilStop<T> answer(tokenizer, std::move(stops));
  std::string out, all;
  for (const std::int32_t id : ids) {
    const std::string more = answer.add(id);
    all += more;
    out += more + "|";
    if (answer.stopped()) break;
  }
  const bool stopped = answer.stopped();
  const std::string more = answer.finish();
  CHECK((!stopped || more.empty()));
  CHECK(answer.text() == all + more);
  return out + (stopped ? "stopped" : "!" + more);
}
std::string of_bytes(std::string_view text, std::vector<std::string> stops) {
  const text::Bytes bytes;
  return streamed(bytes, bytes.encode(text).ids, std::move(stops));
}
std::string of_pieces(std::vector<std::string> pieces, std::vector<std::string> stops = {}) {
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < pieces.size(); ++i) ids.push_back(static_cast<std::int32_t>(i));
  return streamed(Pieces{std::move(pieces)}, ids, std::move(stops));
}
}  // namespace

TEST_CASE("without stop strings text comes with its tokens", "[text][stop]") {
  CHECK(of_bytes("abc", {}) == "a|b|c|!");
  CHECK(of_bytes("", {}) == "!");
  CHECK(of_pieces({"_Once", "_upon", "_a", "_time"}) == "Once| upon| a| time|!");
}

TEST_CASE("text that may be the beginning of a stop string waits", "[text][stop]") {
  CHECK(of_bytes("a\n\nb", {"\n\n"}) == "a|||stopped");
  CHECK(of_bytes("a\nb\n", {"\n\n"}) == "a||\nb||!\n");
  CHECK(of_bytes("aab", {"aab"}) == "|||stopped");
  CHECK(of_bytes("aaab", {"aab"}) == "||a||stopped");
  CHECK(of_bytes("ababac", {"abac"}) == "|||ab|||stopped");
  CHECK(of_pieces({"_I", "_say", ":", "_st", "op", "_now"}, {"stop"}) == "I| say|:| ||stopped");
  CHECK(of_pieces({"_Hi<", "end>"}, {"<end>"}) == "Hi||stopped");
  CHECK(of_pieces({"stop"}, {"stop"}) == "|stopped");
}

TEST_CASE("the stop string that is complete first counts, however the text is cut", "[text][stop]") {
  CHECK(of_bytes("xabc", {"ab", "abc"}) == "x|||stopped");
  CHECK(of_bytes("xabc", {"abc", "ab"}) == "x|||stopped");
  CHECK(of_pieces({"xabc"}, {"abc", "ab"}) == "x|stopped");
  CHECK(of_pieces({"xabcd"}, {"abcd", "bc"}) == "xa|stopped");
  CHECK(of_bytes("xabcd", {"abcd", "bc"}) == "x|||a|stopped");
  CHECK(of_pieces({"xabc"}, {"bc", "abc"}) == "x|stopped");  // both end there: the longer one
  CHECK(of_pieces({"one two one"}, {"two", "one"}) == "|stopped");
}

TEST_CASE("characters come whole", "[text][stop]") {
  CHECK(of_bytes("\xC3\xA9!", {}) == "|\xC3\xA9|!|!");
  CHECK(of_bytes("\xF0\x9F\x98\x80", {}) == "|||\xF0\x9F\x98\x80|!");
  CHECK(of_bytes("\xE2\x82\xAC", {"\xE2\x82\xAC"}) == "|||stopped");
  CHECK(of_bytes("\xE2\x82\xACx", {"\xE2\x82\xADx"}) == "||\xE2\x82\xAC|x|!");
  CHECK(of_pieces({"_a", "<0xE2>", "<0x82>", "<0xAC>", "b"}) == "a|||\xE2\x82\xAC|b|!");
}

TEST_CASE("bytes that are no character are given when that is certain", "[text][stop]") {
  CHECK(of_bytes("a\xFF\x62", {}) == "a|\xFF|b|!");
  CHECK(of_bytes("\x80\x80", {}) == "\x80|\x80|!");
  CHECK(of_bytes("\xE2\x82\x61", {}) == "||\xE2\x82\x61|!");
  CHECK(of_bytes("\xE0\x80", {}) == "|\xE0\x80|!");
  CHECK(of_bytes("a\xE2\x82", {}) == "a|||!\xE2\x82");
  CHECK(of_pieces({"_a", "<0xE2>", "b"}) ==
        "a||\xEF\xBF\xBD"
        "b|!");
  // The decoder thinks again about the first character: that stands.
  CHECK(of_pieces({"<0xC3>", "<0xA9>", "<0xC3>", "<0xA9>"}) == "|\xC3\xA9||\xC3\xA9|!");
  CHECK(of_pieces({"<0xC3>", "<0xA9>", "<0xC3>", "b"}) ==
        "|\xC3\xA9||\xEF\xBF\xBD\xEF\xBF\xBD"
        "b|!");
}

TEST_CASE("after a stop string nothing follows", "[text][stop]") {
  const text::Bytes bytes;
  text::UntilStop answer(bytes, {"."});
  CHECK(answer.add('a') == "a");
  CHECK(answer.add('.') == "");
  CHECK(answer.stopped());
  CHECK(answer.add('b') == "");
  CHECK(answer.finish() == "");
  CHECK(answer.text() == "a");
}

TEST_CASE("a stop string that cannot be found is refused", "[text][stop]") {
  const text::Bytes bytes;
  const auto error = [&](std::string stop) {
    return test::error_of<ConfigError>([&] { (void)text::UntilStop(bytes, {"ok", stop}); });
  };
  CHECK(error("") == "UntilStop: a stop string is empty, expected text");
  CHECK(error("\xC3") == "UntilStop: a stop string is not UTF-8, expected text");
  CHECK(error("\xC3\xA9") == "no error");
}
