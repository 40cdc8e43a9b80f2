// SPDX-License-Identifier: MIT
#include <lorica/text/decoder.hpp>

#include <support/catch.hpp>

using namespace lorica;
using Strings = std::vector<std::string>;

namespace {
Strings after(const text::Decoder& decoder, Strings tokens) {
  decoder(tokens);
  return tokens;
}
}  // namespace

TEST_CASE("tokens become text", "[text][decoder]") {
  CHECK(after(text::DecodeWordPiece{}, {"un", "##able", "to", "do", "n't", ",", "##x"}) ==
        Strings{"un", "able", " to", " do", "n't", ",", "x"});
  CHECK(after(text::DecodeWordPiece{.cleanup = false}, {"a", "."}) == Strings{"a", " ."});
  CHECK(after(text::decode_byte_level, {"\u0120a", "\u00C3", "\u00A9", "\u00C3", "not bytes"}) ==
        Strings{" a\u00E9\uFFFDnot bytes"});
  CHECK(after(text::decode_byte_fallback, {"a", "<0xC3>", "<0xA9>", "b", "<0xC3>", "<0xZZ>", "<0x0a>"}) ==
        Strings{"a", "\u00E9", "b", "\uFFFD", "<0xZZ>", "\n"});
  CHECK(after(text::decode_byte_fallback, {"<0xE4>", "<0xB8>"}) == Strings{"\uFFFD", "\uFFFD"});
  CHECK(after(text::fuse, {"a", "b"}) == Strings{"ab"});
  CHECK(after(text::DecodeMetaspace{}, {"\u2581a\u2581", "\u2581b"}) == Strings{"a", " b"});
  CHECK(after(text::DecodeMetaspace{.prefixed = false}, {"\u2581a"}) == Strings{" a"});
  CHECK(after(text::DecodeReplace{text::Pattern::literal("_"), " "}, {"_a_", "b"}) == Strings{" a ", "b"});
  CHECK(after(text::DecodeStrip{" ", 1, 2}, {"  a   ", " "}) == Strings{" a ", ""});
  CHECK(after(text::DecodeSuffix{}, {"a</w>", "b</w>"}) == Strings{"a ", "b"});
  CHECK(after(text::DecoderSequence{{text::fuse, text::DecodeStrip{" ", 1, 0}}}, {" ", "a"}) == Strings{"a"});
}
