// SPDX-License-Identifier: MIT
/// @file lorica/io/adapter_file.hpp
/// Adapters as one safetensors file: the factors by site path; rank and scale of every site in the metadata.
#pragma once

#include <lorica/adapt/attach.hpp>
#include <lorica/io/safetensors.hpp>

#include <charconv>
#include <set>

namespace lorica::io {

namespace detail {
inline std::string exact(double x) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, x).ptr};
}
template <class T> T number_in(const SafeTensors& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  expects<FileError>(found != file.metadata().end(), "'", file.path().string(), "': the metadata lacks \"",
                     key, "\"");
  T x{};
  const auto& text = found->second;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), x);
  expects<FileError>(end.ec == std::errc() && end.ptr == text.data() + text.size(), "'", file.path().string(),
                     "': \"", key, "\" is \"", text, "\", expected a number");
  return x;
}
}  // namespace detail

/// Writes what was attached and trained. A start whose B A is not 0 (PiSSA, OLoRA) is written into the
/// update, B A - B0 A0 = [B, -B0] [A; A0], of twice the rank: whoever reads it needs neither the start nor
/// the same rounding of the base.
template <Backend B, class M> void save(adapt::Adapted<B, M>& adapted, const std::filesystem::path& path) {
  using A = typename M::adapter_type;
  using Real = typename B::master;
  B& b = adapted.backend();
  std::map<std::string, std::string> metadata = {
      {"format", "lorica-adapter/1"}, {"adapter", A::name}, {"parameterization", A::parameterization::name}};
  SafeTensorsWriter file;
  const auto add = [&](const std::string& name, index_t rows, index_t cols, const std::vector<Real>& host) {
    file.add(name, {rows, cols}, std::span<const Real>(host));
  };
  for (auto& s : adapted.slots()) {
    auto& st = s.state;
    index_t rank = s.rank;
    const Parameter<B>*up = nullptr, *down = nullptr;
    if constexpr (requires { st.held.a; }) {
      up = &st.factors.b;
      down = &st.factors.a;
      rank *= 2;
      auto a = down->value.host(b);
      const auto a0 = st.held.a.host(b), b0 = st.held.b.host(b), b1 = up->value.host(b);
      a.insert(a.end(), a0.begin(), a0.end());
      std::vector<Real> both;
      for (index_t i = 0; i < up->rows(); ++i) {
        const auto row = static_cast<std::ptrdiff_t>(i * s.rank);
        both.insert(both.end(), b1.begin() + row, b1.begin() + row + s.rank);
        std::transform(b0.begin() + row, b0.begin() + row + s.rank, std::back_inserter(both),
                       std::negate<>());
      }
      add(down->name, rank, down->cols(), a);
      add(up->name, up->rows(), rank, both);
    }
    adapted.method().adapter.for_each(st, [&](Parameter<B>& p) {
      if (&p != up && &p != down) add(p.name, p.rows(), p.cols(), p.value.host(b));
    });
    metadata["rank." + s.site.path] = std::to_string(rank);
    metadata["scale." + s.site.path] = detail::exact(st.scale);
  }
  file.write(path, metadata);
}

/// Attaches to `model` what a file holds. The method says the type of the adapter; ranks and scales come from
/// the file. A file of another parameterization or of another model is an error naming what differs.
template <Backend B, class Model, class M>
adapt::Adapted<B, M> load_adapter(B& b, const Model& model, M method, const std::filesystem::path& path) {
  using P = typename M::adapter_type::parameterization;
  const SafeTensors file(path);
  const auto kind = file.metadata().find("parameterization");
  expects<FileError>(kind != file.metadata().end(), "'", path.string(),
                     "' is not an adapter of this library: it names no parameterization");
  expects<FileError>(kind->second == P::name, "'", path.string(),
                     "' holds adapters of the parameterization \"", kind->second, "\", the method expects \"",
                     P::name, "\"");
  const auto made = file.metadata().find("adapter");  // files of before there was more than one have none
  const std::string adapter = made == file.metadata().end() ? "additive" : made->second;
  expects<FileError>(adapter == M::adapter_type::name, "'", path.string(), "' holds the adapter \"", adapter,
                     "\", the method expects \"", M::adapter_type::name, "\"");
  const auto sites = adapt::sites_of(model);
  adapt::Placement placement{std::vector<index_t>(sites.size(), 0)};
  for (const auto& [key, value] : file.metadata()) {
    if (!key.starts_with("rank.")) continue;
    const std::string site = key.substr(5);
    const auto at = std::ranges::find(sites, site, &SiteInfo::path);
    expects<FileError>(at != sites.end(), "'", path.string(), "' adapts \"", site,
                       "\", which the model does not have; it is of another model");
    const auto rank = detail::number_in<index_t>(file, key);
    expects<FileError>(rank >= 1 && rank <= std::min(at->in, at->out), "'", path.string(), "': \"", key,
                       "\" is ", rank, ", expected 1 to min(d_in, d_out) = ", std::min(at->in, at->out));
    placement.rank[static_cast<std::size_t>(at->ordinal)] = rank;
  }
  expects<FileError>(std::ranges::any_of(placement.rank, [](index_t r) { return r > 0; }), "'", path.string(),
                     "' is an adapter without sites: its metadata give no rank");
  auto adapted = adapt::attach_at(b, model, std::move(method), std::move(placement));
  std::set<std::string> read;
  adapted.for_each_parameter([&](Parameter<B>& p, double) {
    read.insert(p.name);
    p.value =
        MasterTensor<B>(b, p.rows(), p.cols(), file.read<typename B::master>(p.name, {p.rows(), p.cols()}));
  });
  for (const TensorInfo& t : file.tensors())
    expects<FileError>(read.contains(t.name), "'", path.string(), "' holds ", json::quote(t.name),
                       ", but gives its site no rank");
  for (auto& s : adapted.slots()) s.state.scale = detail::number_in<double>(file, "scale." + s.site.path);
  return adapted;
}

}  // namespace lorica::io
