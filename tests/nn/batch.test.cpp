// SPDX-License-Identifier: MIT
#include <lorica/nn/batch.hpp>

#include "support/op_cases.hpp"

using namespace lorica;
using test::error_of;
using Ids = std::vector<std::int32_t>;

namespace {
template <Backend B> Ids host(B& b, const Integers<B>& device) {
  Ids out(static_cast<std::size_t>(device.size()));
  b.download(device.data(), std::span(out));
  return out;
}
nn::Sequences two() {
  nn::Sequences s;
  s.add(Ids{4, 5, 6}, Ids{5, 6, no_target});
  s.add(Ids{9}, {});
  return s;
}
}  // namespace

TEST_CASE("sequences lie end to end and every row has a target or none", "[nn][batch]") {
  const auto s = two();
  CHECK(s.ids == Ids{4, 5, 6, 9});
  CHECK(s.offsets == std::vector<index_t>{0, 3, 4});
  CHECK(s.targets == Ids{5, 6, no_target, no_target});
  CHECK(s.rows() == 4);
  CHECK(s.count() == 2);
  CHECK(s.targets_in(0) == 2);
  CHECK(s.targets_in(1) == 0);
  CHECK(nn::Sequences().rows() == 0);
  CHECK(nn::Sequences().count() == 0);
}

TEST_CASE("a sequence is taken over from another collection", "[nn][batch]") {
  nn::Sequences s;
  s.add_from(two(), 1);
  s.add_from(two(), 0);
  CHECK(s.ids == Ids{9, 4, 5, 6});
  CHECK(s.offsets == std::vector<index_t>{0, 1, 4});
  CHECK(s.targets == Ids{no_target, 5, 6, no_target});
}

TEST_CASE("an empty sequence and targets of another length are errors", "[nn][batch]") {
  nn::Sequences s;
  CHECK(error_of<ConfigError>([&] { s.add({}, {}); }) == "Sequences: a sequence without tokens");
  CHECK(error_of<ConfigError>([&] {
          s.add(Ids{1, 2, 3}, Ids{1, 2});
        }) == "Sequences: 3 tokens with 2 targets");
  CHECK(s.count() == 0);
}

TEST_CASE("a batch knows each row's place, and which rows have a target", "[nn][batch]") {
  test::Reference b;
  const nn::Batch<test::Reference> batch(b, two());
  CHECK(batch.rows() == 4);
  CHECK(batch.where.sequences() == 2);
  CHECK(batch.ids.host == Ids{4, 5, 6, 9});
  CHECK(host(b, batch.ids.device) == Ids{4, 5, 6, 9});
  CHECK(batch.places.host == Ids{0, 1, 2, 0});
  CHECK(host(b, batch.places.device) == Ids{0, 1, 2, 0});
  CHECK(batch.targets.rows == 4);
  CHECK(batch.targets.count == 2);
  CHECK(host(b, batch.targets.row) == Ids{0, 1});
  CHECK(host(b, batch.targets.target) == Ids{5, 6});
  CHECK(batch.targets_in(0) == 2);
  CHECK(batch.targets_in(1) == 0);
}

TEST_CASE("a batch with a past goes on where that ends", "[nn][batch]") {
  using B = test::Reference;
  B b;
  nn::Past<B> past;
  nn::Sequences one;
  one.add(Ids{4, 5, 6}, {});
  const nn::Batch<B> first(b, one, &past);
  CHECK(first.where.before == 0);
  CHECK(first.past == &past);
  Tape<B> tape(b, false);
  const auto rows = tape.constant(zeros<double>(b, 3, 2));
  past.append(0, 0, rows, rows);
  const nn::Batch<B> second(b, one, &past), apart(b, one);
  CHECK(second.rows() == 3);
  CHECK(second.where.before == 3);
  CHECK(second.places.host == Ids{3, 4, 5});
  CHECK(host(b, second.where.position) == Ids{3, 4, 5});
  CHECK(host(b, second.where.begin) == Ids{0, 0, 0});
  CHECK(apart.past == nullptr);
  CHECK(apart.places.host == Ids{0, 1, 2});
  CHECK(error_of<ConfigError>([&] { nn::Batch<B>(b, two(), &past); }) ==
        "Batch: 2 sequences continue one past, expected 1");
}

TEST_CASE("a batch says which rows are read, where that is not all of them", "[nn][batch]") {
  test::Reference b;
  using Batch = nn::Batch<test::Reference>;
  nn::Sequences s;
  s.add(Ids{1, 2, 3, 4, 5}, Ids{no_target, no_target, 7, no_target, 8});
  s.add(Ids{6, 7}, {});
  s.add(Ids{8, 9, 1}, Ids{3, 2, 1});
  const Batch some(b, s);
  REQUIRE(some.answers);
  CHECK(some.answers->rows.which.host == Ids{2, 4, 6, 7, 8, 9});
  CHECK(some.answers->rows.where.offsets == std::vector<index_t>{0, 2, 3, 6});
  CHECK(some.answers->targets.rows == 6);
  CHECK(host(b, some.answers->targets.row) == Ids{0, 1, 3, 4, 5});
  CHECK(host(b, some.answers->targets.target) == Ids{7, 8, 3, 2, 1});
  CHECK(some.read_by(Pooling::first) == nullptr);  // no labels
  nn::Sequences most;
  most.add(Ids{1, 2, 3, 4, 5}, Ids{no_target, 2, 3, 4, 5});
  CHECK_FALSE(Batch(b, most).answers);
  nn::Sequences none;
  none.add(Ids{1, 2, 3}, {});
  CHECK_FALSE(Batch(b, none).answers);

  nn::Sequences labelled;
  labelled.add(Ids{1, 2, 3}, {}, {.category = 1});
  labelled.add(Ids{4, 5}, {}, {.category = 0});
  const Batch batch(b, labelled);
  REQUIRE(batch.read_by(Pooling::first) != nullptr);
  CHECK(batch.read_by(Pooling::first)->which.host == Ids{0, 3});
  CHECK(batch.read_by(Pooling::last)->which.host == Ids{2, 4});
  CHECK(batch.read_by(Pooling::last)->where.offsets == std::vector<index_t>{0, 1, 2});
  CHECK(batch.read_by(Pooling::mean) == nullptr);
  CHECK(error_of<ConfigError>([&] {
          nn::RowsRead<test::Reference>(b, {0, 2}, {4});
        }) == "RowsRead: the offsets end at 2, there are 1 rows");
}
