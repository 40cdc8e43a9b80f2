// SPDX-License-Identifier: MIT
// Is a text a picture or a page that a browser takes as it is meant?
#pragma once

#include <cctype>
#include <string>
#include <vector>

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

/// "" when every tag is closed in order, every attribute quoted and every & an entity; else what is wrong.
inline std::string malformed(const std::string& xml) {
  std::vector<std::string> open;
  int roots = 0;
  for (std::size_t i = 0; i < xml.size(); ++i) {
    if (xml[i] == '&') {
      const std::string entity = xml.substr(i, xml.find(';', i) - i + 1);
      if (entity != "&amp;" && entity != "&lt;" && entity != "&gt;" && entity != "&quot;" &&
          entity != "&apos;") {
        return "a bare & at " + std::to_string(i);
      }
    }
    if (xml[i] == '>') return "a bare > at " + std::to_string(i);
    if (xml[i] != '<') {
      if (open.empty() && std::isspace(static_cast<unsigned char>(xml[i])) == 0)
        return "text outside the root";
      continue;
    }
    std::size_t end = i + 1;
    for (bool quoted = false; end < xml.size() && (quoted || xml[end] != '>'); ++end) {
      if (xml[end] == '"') quoted = !quoted;
      if (xml[end] == '<') return "< inside a tag at " + std::to_string(end);
    }
    if (end >= xml.size()) return "a tag without an end";
    const std::string tag = xml.substr(i + 1, end - i - 1);
    const std::string name =
        tag.substr(tag[0] == '/' ? 1 : 0, tag.find_first_of(" /", 1) - (tag[0] == '/' ? 1 : 0));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != name) return "</" + name + "> closes another";
      open.pop_back();
    } else if (tag.back() != '/') {
      if (open.empty() && ++roots > 1) return "two roots";
      open.push_back(name);
    }
    i = end;
  }
  return open.empty() && roots == 1 ? "" : "not closed";
}
