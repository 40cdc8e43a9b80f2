// SPDX-License-Identifier: MIT
#include <lorica/report/format.hpp>

#include <support/catch.hpp>

#include <limits>

using namespace lorica::report;

TEST_CASE("numbers have the digits asked for", "[report][format]") {
  REQUIRE(fixed(2.5, 2) == "2.50");
  REQUIRE(fixed(-0.126, 2) == "-0.13");
  REQUIRE(fixed(1e300, 0).size() == 301);
  REQUIRE(significant(0.061349) == "0.0613");
  REQUIRE(significant(2.5) == "2.5");
  REQUIRE(significant(1.2e-7) == "1.2e-07");
  REQUIRE(significant(std::numeric_limits<double>::quiet_NaN()) == "nan");
}

TEST_CASE("counts read like 1.23 M", "[report][format]") {
  REQUIRE(human_count(0) == "0");
  REQUIRE(human_count(832) == "832");
  REQUIRE(human_count(2.5) == "2.5");
  REQUIRE(human_count(1000) == "1.00 k");
  REQUIRE(human_count(12'345) == "12.3 k");
  REQUIRE(human_count(999'499) == "999 k");
  REQUIRE(human_count(999'500) == "1.00 M");  // not 1000 k
  REQUIRE(human_count(9'996) == "10.0 k");    // not 10.00 k
  REQUIRE(human_count(1'234'567) == "1.23 M");
  REQUIRE(human_count(-1'234'567) == "-1.23 M");
  REQUIRE(human_count(1e18) == "1000 P");
  REQUIRE(human_count(std::numeric_limits<double>::infinity()) == "inf");
}

TEST_CASE("bytes read like 4.1 kB", "[report][format]") {
  REQUIRE(human_bytes(0) == "0 B");
  REQUIRE(human_bytes(832) == "832 B");
  REQUIRE(human_bytes(4096) == "4.1 kB");
  REQUIRE(human_bytes(999'949) == "999.9 kB");
  REQUIRE(human_bytes(999'950) == "1.0 MB");
  REQUIRE(human_bytes(123'456'789) == "123.5 MB");
}

TEST_CASE("durations read like 2m05s", "[report][format]") {
  REQUIRE(human_duration(0) == "0.0s");
  REQUIRE(human_duration(3.24) == "3.2s");
  REQUIRE(human_duration(9.97) == "10s");
  REQUIRE(human_duration(59.4) == "59s");
  REQUIRE(human_duration(59.6) == "1m00s");  // not 60s
  REQUIRE(human_duration(125) == "2m05s");
  REQUIRE(human_duration(3599.7) == "1h00m");
  REQUIRE(human_duration(3725) == "1h02m");
  REQUIRE(human_duration(273'600) == "3d04h");
  REQUIRE(human_duration(-1) == "--");
  REQUIRE(human_duration(std::numeric_limits<double>::quiet_NaN()) == "--");
}
