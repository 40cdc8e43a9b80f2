// SPDX-License-Identifier: MIT
#include <lorica/text/normal_form.hpp>

#include <support/catch.hpp>

using namespace lorica;
using text::NormalForm;
using text::Span;

namespace {
std::string form(std::string_view text, NormalForm to) {
  return text::normal_form(text::align(text), to).text;
}
}  // namespace

TEST_CASE("the four normal forms", "[text][normal_form]") {
  const std::string composed = "\u00E9", parted = "e\u0301";
  CHECK(form(parted, NormalForm::nfc) == composed);
  CHECK(form(composed, NormalForm::nfd) == parted);
  CHECK(form("\uFB01\u2460", NormalForm::nfkc) == "fi1");
  CHECK(form("\uFB01", NormalForm::nfc) == "\uFB01");
  CHECK(form("\uFF21\u00E9", NormalForm::nfkd) == "A" + parted);
  CHECK(form("\uD55C", NormalForm::nfd) == "\u1112\u1161\u11AB");
  CHECK(form("\u1112\u1161\u11AB", NormalForm::nfc) == "\uD55C");
  CHECK(form("\u0958", NormalForm::nfc) == "\u0915\u093C");

  SECTION("marks in canonical order, and blocked by marks of their own class") {
    CHECK(form("a\u0302\u0323", NormalForm::nfd) == "a\u0323\u0302");
    CHECK(form("a\u0302\u0323", NormalForm::nfc) == "\u1EAD");
    CHECK(form("a\u0305\u0301", NormalForm::nfc) == "a\u0305\u0301");
    CHECK(form("a\u0327\u0301", NormalForm::nfc) == "\u00E1\u0327");
    CHECK(form("\u0301a\u0301", NormalForm::nfc) == "\u0301\u00E1");
  }
  SECTION("every character's forms are stable") {
    for (char32_t c = 0x80; c < 0x30000; c += 7) {
      if (c >= 0xD800 && c < 0xE000) continue;
      std::string text = "e";
      io::append_utf8(text, c);
      text += "\u0301";
      const std::string nfc = form(text, NormalForm::nfc), nfd = form(text, NormalForm::nfd);
      INFO("U+" << std::hex << static_cast<unsigned>(c));
      REQUIRE(form(nfd, NormalForm::nfc) == nfc);
      REQUIRE(form(nfc, NormalForm::nfd) == nfd);
      REQUIRE(form(nfc, NormalForm::nfc) == nfc);
      REQUIRE(form(form(text, NormalForm::nfkd), NormalForm::nfkc) == form(text, NormalForm::nfkc));
    }
  }
}

TEST_CASE("a normalised text knows its source", "[text][normal_form]") {
  const auto nfd = text::normal_form(text::align("x\u00E9"), NormalForm::nfd);
  CHECK(nfd.from == std::vector<Span>{{0, 1}, {1, 3}, {1, 3}, {1, 3}});
  const auto nfc = text::normal_form(text::align("e\u0301x"), NormalForm::nfc);
  CHECK(nfc.from == std::vector<Span>{{0, 1}, {0, 1}, {3, 4}});  // the mark is nobody's
  const auto nfkc = text::normal_form(text::align("\uFB01y"), NormalForm::nfkc);
  CHECK(nfkc.from == std::vector<Span>{{0, 3}, {0, 3}, {3, 4}});
}
