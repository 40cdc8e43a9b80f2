// SPDX-License-Identifier: MIT
#include <lorica/text/pipeline.hpp>
#include <lorica/text/word_piece.hpp>

#include <support/catch.hpp>

#include <thread>

using namespace lorica;
using Ids = std::vector<std::int32_t>;

namespace {
text::PipelineParts parts() {
  text::Vocabulary v;
  std::int64_t id = 0;
  for (const char* token : {"?", "a", "##b", "c", "\u0120a", "\u0120"}) v.add(token, id++);
  text::PipelineParts out;
  out.model = std::make_shared<text::WordPiece>(std::move(v), text::WordPieceConfig{.unknown = "?"});
  out.pre_tokenizer = text::split_at_spaces;
  out.decoder = text::DecodeWordPiece{};
  out.added = {{.content = "<End>", .id = 9},
               {.content = "Word", .id = 7, .special = false, .normalized = true}};
  out.around = text::bert_around(8, 9);
  out.end_of_text = 9;
  return out;
}
}  // namespace

TEST_CASE("a pipeline is its parts in order", "[text][pipeline]") {
  auto made = parts();
  made.normalizer = text::lower_case;
  const text::Pipeline t(made);
  CHECK(t.encode("AB C").ids == Ids{1, 2, 3});
  CHECK(t.encode("c<End>AB").ids == Ids{3, 9, 1, 2});
  CHECK(t.encode("c<end>").ids == Ids{0});
  CHECK(t.encode("wOrd").ids == Ids{7});
  CHECK(t.encode("").size() == 0);
  CHECK(t.encode("c \xFF").ids == Ids{3, 0});
  CHECK(t.encode("c \xFF").spans == std::vector<text::Span>{{0, 1}, {2, 3}});
  CHECK(t.single("c").ids == Ids{8, 3, 9});
  CHECK(t.pair("c", "ab").types == Ids{0, 0, 0, 1, 1, 1});
  CHECK(t.decode(Ids{1, 2, 3, 9, 7, -1, 100, 6}) == "ab c word");
  CHECK(t.decode(Ids{3, 9}, true) == "c <End>");
  CHECK(t.size() == 10);
  CHECK(t.id_of("<End>") == 9);
  CHECK(t.id_of("##b") == 2);
  CHECK_FALSE(t.id_of("zz").has_value());
  CHECK(t.end_of_text() == 9);
}

TEST_CASE("places may leave spaces out", "[text][pipeline]") {
  auto made = parts();
  made.added.clear();
  made.pre_tokenizer = text::ByteLevel(true);
  made.spans = {true, true};
  const text::Pipeline t(made);
  CHECK(t.encode("a a").ids == Ids{4, 4});
  CHECK(t.encode("a a").spans == std::vector<text::Span>{{0, 1}, {2, 3}});
  made.spans = {false, false};
  CHECK(text::Pipeline(made).encode("a a").spans == std::vector<text::Span>{{0, 1}, {1, 3}});
}

TEST_CASE("several threads may encode at once", "[text][pipeline]") {
  const text::Pipeline t(parts());
  std::string text;
  for (int i = 0; i < 300; ++i) text += "ab c <End>";
  const auto expected = t.encode(text);
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (auto& bad : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) bad += t.encode(text) == expected ? 0 : 1;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}
