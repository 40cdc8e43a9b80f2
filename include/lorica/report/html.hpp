// SPDX-License-Identifier: MIT
/// @file lorica/report/html.hpp
/// A page in one file that needs nothing else: no script, nothing fetched, for phones and for dark rooms.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/io/file.hpp>
#include <lorica/report/table.hpp>
#include <lorica/report/xml.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::report {

/// A setting or a result.
struct Fact {
  std::string name;
  std::string value;
};

/// What is empty is left out. Everything is text but `svg`, which is put in as it is: a picture of `to_svg`.
struct HtmlSection {
  std::string heading{};
  std::string paragraph{};
  std::string svg{};
  bool wide = false;  ///< on a phone the picture is scrolled rather than shrunk to what cannot be read
  std::optional<Table> table{};
  std::string text{};  ///< keeps its lines
};

struct HtmlPage {
  std::string title{};
  std::vector<Fact> facts{};
  std::vector<HtmlSection> sections{};
};

namespace detail {

inline constexpr std::string_view html_style = R"(
:root{color-scheme:light dark}
body{margin:0;background:#ffffff;color:#1f2328;font:16px/1.5 system-ui,sans-serif}
main{max-width:64rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.2rem;margin:2rem 0 .5rem}
p{margin:.5rem 0;max-width:42rem}
figure,.scroll,pre{margin:1rem 0;overflow-x:auto}
svg{max-width:100%;height:auto;display:block}.wide svg{min-width:50rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;overflow-wrap:normal}
th,td{padding:.3rem .75rem;text-align:left;border-bottom:1px solid #d1d9e0}
thead th{border-bottom-width:2px}.right{text-align:right}.center{text-align:center}
.facts th{font-weight:normal;color:#59636e;white-space:nowrap}.facts td{overflow-wrap:anywhere}
pre{padding:.75rem;background:#f6f8fa;font:13px/1.3 ui-monospace,Menlo,Consolas,monospace;overflow-wrap:normal}
@media (prefers-color-scheme:dark){
body{background:#0d1117;color:#e6edf3}th,td{border-color:#2b323b}
.facts th{color:#9198a1}pre{background:#161b22}
}
)";

/// Inside a page of HTML an SVG has no need of its namespace.
[[nodiscard]] inline std::string inlined(const std::string& svg, std::string_view heading) {
  expects(svg.starts_with("<svg") && svg.find("</svg>") != std::string::npos, "HTML page: the picture of '",
          heading, "' is not an SVG, expected the text that to_svg returns");
  constexpr std::string_view space = R"( xmlns="http://www.w3.org/2000/svg")";
  const std::size_t at = svg.find(space);
  return at == std::string::npos ? svg : svg.substr(0, at) + svg.substr(at + space.size());
}

}  // namespace detail

[[nodiscard]] inline std::string to_html(const HtmlPage& page) {
  const std::string title = xml(page.title.empty() ? "report" : page.title);
  std::string out = message(R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>)",
                            title, "</title>\n<style>", detail::html_style,
                            "</style>\n</head>\n<body>\n<main>\n<h1>", title, "</h1>\n");
  if (!page.facts.empty()) {
    out += "<div class=\"scroll\"><table class=\"facts\"><tbody>\n";
    for (const Fact& f : page.facts)
      out += message("<tr><th scope=\"row\">", xml(f.name), "</th><td>", xml(f.value), "</td></tr>\n");
    out += "</tbody></table></div>\n";
  }
  for (const HtmlSection& s : page.sections) {
    out += "<section>\n";
    if (!s.heading.empty()) out += message("<h2>", xml(s.heading), "</h2>\n");
    if (!s.paragraph.empty()) out += message("<p>", xml(s.paragraph), "</p>\n");
    if (!s.svg.empty())
      out += message(s.wide ? "<figure class=\"wide\">\n" : "<figure>\n", detail::inlined(s.svg, s.heading),
                     "</figure>\n");
    if (s.table) out += message("<div class=\"scroll\">", s.table->to_html(), "</div>\n");
    if (!s.text.empty()) out += message("<pre>", xml_lines(s.text), "</pre>\n");
    out += "</section>\n";
  }
  return out + "</main>\n</body>\n</html>\n";
}

/// Throws FileError; what was at the path before stays whole then.
inline void write_html(const std::filesystem::path& path, const HtmlPage& page) {
  io::write_atomically(path, to_html(page));
}

}  // namespace lorica::report
