// SPDX-License-Identifier: MIT
#include <lorica/cpu/eigen.hpp>

#include "support/catch.hpp"

#include <vector>

using namespace lorica;

TEST_CASE("Eigen sees a matrix where it lies, gaps between rows included", "[cpu]") {
  std::vector<float> memory(12);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = float(i);
  const MatrixRef<float> whole(memory.data(), 3, 4);
  auto part = cpu::map_of(whole.columns(1, 2));
  CHECK(part.rows() == 3);
  CHECK(part.cols() == 2);
  CHECK(part(2, 1) == 10.f);
  part(2, 1) = -1.f;
  CHECK(memory[10] == -1.f);
  CHECK(cpu::map_of(MatrixRef<const float>(whole)).sum() == 66.f - 10.f - 1.f);
}
