// SPDX-License-Identifier: MIT
#include <lorica/tasks/samples.hpp>

#include <support/catch.hpp>

using namespace lorica;
using Ids = std::vector<std::int32_t>;

TEST_CASE("samples are given out by number, as they were put in", "[tasks][samples]") {
  tasks::Samples labelled;
  nn::Label label;
  label.category = 3;
  labelled.add(Ids{1, 2}, Ids{0, 0}, label);
  CHECK(labelled.sequences().types.empty());
  label.category = 4;
  labelled.add(Ids{5, 6, 7}, Ids{0, 1, 1}, label);
  REQUIRE(labelled.size() == 2);
  CHECK(labelled.length(0) == 2);
  CHECK(labelled.length(1) == 3);
  nn::Sequences s;
  labelled.append(s, 1);
  labelled.append(s, 0);
  CHECK(s.ids == Ids{5, 6, 7, 1, 2});
  CHECK(s.types == Ids{0, 1, 1, 0, 0});
  CHECK(s.labels[0].category == 4);
  CHECK(s.labels[1].category == 3);

  tasks::Samples language;
  language.add(Ids{1, 2}, Ids{no_target, 3});
  nn::Sequences t;
  language.append(t, 0);
  CHECK(t.targets == Ids{no_target, 3});
  CHECK(t.labels.empty());
}
