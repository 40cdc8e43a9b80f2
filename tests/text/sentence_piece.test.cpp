// SPDX-License-Identifier: MIT
// Only where the SentencePiece library is: elsewhere this program has no such test.
#if defined(LORICA_SENTENCEPIECE)
#  include <lorica/text/sentence_piece.hpp>

#  include <text/oracle.hpp>

using namespace lorica;

TEST_CASE("SentencePiece models give the reference's ids", "[text][sentence_piece]") {
  for (const char* name : {"spm_unigram", "spm_bpe"}) {
    INFO(name);
    const text::SentencePiece tokenizer(test::tokenizers() / name / "tokenizer.model");
    const io::json::Value expected = io::json::read(test::tokenizers() / name / "expected.json");
    test::same_on_hard_cases(tokenizer, expected);
    CHECK(tokenizer.end_of_text() == static_cast<std::int32_t>(expected.at("eos").as_integer()));
    CHECK(tokenizer.single("a").ids.front() == expected.at("bos").as_integer());
    CHECK(tokenizer.decode(tokenizer.single("a").ids) == "a");
    CHECK_FALSE(tokenizer.id_of("no such piece").has_value());
    CHECK(tokenizer.decode(std::vector<std::int32_t>{-1, 100000}) == "");
  }
}

TEST_CASE("what stands around a text follows from the special tokens of the model",
          "[text][sentence_piece]") {
  using Ids = std::vector<std::int32_t>;
  const text::SentencePiece llama(test::tokenizers() / "spm_bpe" / "tokenizer.model");
  CHECK(llama.pair("", "").ids == Ids{1, 1});
  CHECK(llama.single("a").size() == llama.encode("a").size() + 1);
  CHECK(llama.id_of("</s>") == 2);
  const text::SentencePiece deberta(test::tokenizers() / "spm_unigram" / "tokenizer.model");
  CHECK(deberta.pair("", "").ids == Ids{1, 2, 2});
  CHECK(deberta.pair("a", "a").types.back() == 1);
  CHECK(deberta.id_of("[CLS]") == 1);
  CHECK_FALSE(deberta.id_of("<s>").has_value());
}

TEST_CASE("what is no SentencePiece model is refused", "[text][sentence_piece]") {
  const auto file = test::tokenizers() / "cases.json";
  CHECK(test::error_of<FileError>([&] {
          text::SentencePiece model(file);
        }).starts_with("'" + file.string() + "' is no SentencePiece model"));
}
#endif
