// SPDX-License-Identifier: MIT
#include <lorica/report/heatmap.hpp>
#include <lorica/report/html.hpp>

#include <io/scratch.hpp>
#include <report/well_formed.hpp>
#include <support/catch.hpp>

#include <string>

using namespace lorica::report;

namespace {

/// What is wrong with a page, "" for nothing; the first line is no tag.
std::string broken(const std::string& page) {
  const std::string first = "<!doctype html>\n";
  return page.starts_with(first) ? malformed(page.substr(first.size())) : "no doctype";
}

std::string body(const std::string& page) { return page.substr(page.find("<main>")); }

HtmlPage example() {
  Table table({{"site"}, {"rank", Align::right}});
  table.add({"q", "8"});
  return {.title = "A run",
          .facts = {{"rank", "8"}, {"loss", "2.5"}},
          .sections = {{.heading = "Ranks", .paragraph = "All.", .table = table, .text = "a\n  b"}}};
}

}  // namespace

TEST_CASE("a page has its title, its facts and its sections", "[report][html]") {
  REQUIRE(body(to_html(example())) ==
          "<main>\n"
          "<h1>A run</h1>\n"
          "<div class=\"scroll\"><table class=\"facts\"><tbody>\n"
          "<tr><th scope=\"row\">rank</th><td>8</td></tr>\n"
          "<tr><th scope=\"row\">loss</th><td>2.5</td></tr>\n"
          "</tbody></table></div>\n"
          "<section>\n"
          "<h2>Ranks</h2>\n"
          "<p>All.</p>\n"
          "<div class=\"scroll\"><table>\n"
          "<thead><tr><th>site</th><th class=\"right\">rank</th></tr></thead>\n"
          "<tbody>\n"
          "<tr><td>q</td><td class=\"right\">8</td></tr>\n"
          "</tbody>\n"
          "</table>\n"
          "</div>\n"
          "<pre>a\n  b</pre>\n"
          "</section>\n"
          "</main>\n"
          "</body>\n"
          "</html>\n");
  REQUIRE(body(to_html({.title = "x"})) == "<main>\n<h1>x</h1>\n</main>\n</body>\n</html>\n");
}

TEST_CASE("a page is well-formed, fits a phone and a dark room, and needs nothing else", "[report][html]") {
  HtmlPage page = example();
  const HeatMap map{.title = "m", .row_labels = {"r"}, .column_labels = {"a", "b"}, .values = {1, 2}};
  page.sections.push_back({.svg = to_svg(map)});
  page.sections.push_back({.svg = to_svg(map), .wide = true});
  const std::string text = to_html(page);
  REQUIRE(broken(text).empty());
  CHECK(has(text, "<meta charset=\"utf-8\"/>"));
  CHECK(has(text, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"));
  CHECK(has(text, "<title>A run</title>"));
  CHECK(has(text, "prefers-color-scheme:dark"));
  CHECK(has(text, "svg{max-width:100%;height:auto"));
  CHECK(count(text, "<svg class=\"lorica-heat\"") == 2);
  CHECK(count(text, "<figure class=\"wide\">") == 1);
  for (const char* const elsewhere :
       {"http://", "https://", "//", "<script", "<link", "@import", "url(", "src=", "href"})
    CHECK_FALSE(has(text, elsewhere));
  CHECK_FALSE(has(text, " id="));  // nothing that two pictures could both be called
  CHECK(text == to_html(page));
}

TEST_CASE("no text is markup in a page", "[report][html]") {
  const std::string evil = "</style></pre><script>alert('&')</script>\x01\xFF";
  Table table({{evil}});
  table.add({evil});
  const std::string text =
      to_html({.title = evil,
               .facts = {{evil, evil}},
               .sections = {{.heading = evil, .paragraph = evil, .table = table, .text = evil}}});
  REQUIRE(broken(text).empty());
  CHECK_FALSE(has(text, "<script"));
  CHECK(count(text, "&lt;script&gt;alert(&apos;&amp;&apos;)") == 9);
}

TEST_CASE("what is not a picture is not put in as one", "[report][html]") {
  CHECK_THROWS_WITH(to_html({.sections = {{.heading = "Loss", .svg = "<p>hello</p>"}}}),
                    "HTML page: the picture of 'Loss' is not an SVG, expected the text that to_svg returns");
}

TEST_CASE("a page is written whole, or not at all", "[report][html]") {
  const lorica::test::Scratch folder;
  const auto path = folder / "page.html";
  write_html(path, example());
  CHECK(lorica::io::read_text(path) == to_html(example()));
  HtmlPage bad = example();
  bad.sections.push_back({.svg = "no"});
  CHECK_THROWS_AS(write_html(path, bad), lorica::ConfigError);
  CHECK(lorica::io::read_text(path) == to_html(example()));
  CHECK(folder.entries() == 1);
  CHECK_THROWS_AS(write_html("/no/such/folder/page.html", example()), lorica::FileError);
}
