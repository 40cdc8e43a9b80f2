// SPDX-License-Identifier: MIT
#include <lorica/text/normalizer.hpp>

#include <support/catch.hpp>

using namespace lorica;
using text::Span;

namespace {
template <class N> std::string after(const N& normalizer, std::string_view text) {
  const text::Aligned out = normalizer(text::align(text));
  REQUIRE(out.text.size() == out.from.size());
  return out.text;
}
}  // namespace

TEST_CASE("single steps of a normaliser", "[text][normalizer]") {
  CHECK(after(text::lower_case, "ABC\u00C9\u0130\u03A3") == "abc\u00E9i\u0307\u03C3");
  CHECK(after(text::lower_case, "ABC[") == "abc[");
  CHECK(after(text::strip_accents, "e\u0301\u00E9\u0903") == "e\u00E9");
  CHECK(after(text::Strip{}, "\u3000 a b\t") == "a b");
  CHECK(after(text::Strip{.right = false}, " a ") == "a ");
  CHECK(after(text::Strip{}, "  ") == "");
  CHECK(after(text::Replace{text::Pattern(R"(\d+)"), "\u00B0"}, "a12b3") == "a\u00B0b\u00B0");
  CHECK(after(text::Prepend{"__"}, "a") == "__a");
  CHECK(after(text::Prepend{"__"}, "") == "");
  CHECK(after(text::NormalizerSequence{{text::lower_case, text::Prepend{"X"}}}, "A") == "Xa");
}

TEST_CASE("what a normaliser adds stands for its neighbour", "[text][normalizer]") {
  CHECK(text::Prepend{"_"}(text::align("\u00E9b")).from == std::vector<Span>{{0, 2}, {0, 2}, {0, 2}, {2, 3}});
  CHECK(text::Replace{text::Pattern("ab"), "xyz"}(text::align("abc")).from ==
        std::vector<Span>{{1, 2}, {1, 2}, {1, 2}, {2, 3}});
  CHECK(text::lower_case(text::align("\u0130")).from == std::vector<Span>(3, Span{0, 2}));
}

TEST_CASE("BERT's normaliser", "[text][normalizer]") {
  const text::BertNormalizer bert;
  CHECK(after(bert, "H\tE\x01L\x7F\nO\x0B") == "h el o");
  CHECK(after(bert, "\u00C9t\u00E9\u0130\uFFFD\u200B\u00A0x") == "etei x");
  CHECK(after(bert, "a\u4E2Db") == "a \u4E2D b");
  CHECK(after(text::BertNormalizer{true, true, false, true}, "\u00C9A") == "\u00E9a");
  CHECK(after(text::BertNormalizer{true, false, true, false}, "\u00C9\u4E2DA") == "E\u4E2DA");
  CHECK(after(text::BertNormalizer{false, true, true, true}, "A\x01\t") == "a\x01\t");
  CHECK(bert(text::align("A\x01"
                         "B"))
            .from == std::vector<Span>{{0, 1}, {2, 3}});
  CHECK(bert(text::align("\u4E2D")).from == std::vector<Span>(5, Span{0, 3}));
}
