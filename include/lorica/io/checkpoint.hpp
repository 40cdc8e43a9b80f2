// SPDX-License-Identifier: MIT
/// @file lorica/io/checkpoint.hpp
/// The state of a run as a file, so that an interrupted run goes on and ends as the uninterrupted one, bit
/// for bit.
#pragma once

#include <lorica/io/safetensors.hpp>
#include <lorica/train/callback.hpp>

#include <set>

namespace lorica::io {

namespace detail {
template <Backend B> struct StateWriter : StateVisitor<B> {
  B& backend;
  SafeTensorsWriter file = {};
  explicit StateWriter(B& b) : backend(b) {}
  void tensor(const std::string& name, MasterTensor<B>& t) override {
    const auto host = t.host(backend);
    file.add(name, {t.rows(), t.cols()}, std::span<const typename B::master>(host));
  }
  void number(const std::string& name, double& x) override {
    file.add(name, {1}, std::span<const double>(&x, 1));
  }
  void count(const std::string& name, index_t& n) override {
    file.add(name, {1}, std::span<const std::int64_t>(&n, 1));
  }
};
template <Backend B> struct StateReader : StateVisitor<B> {
  B& backend;
  const SafeTensors& file;
  std::set<std::string> seen = {};
  StateReader(B& b, const SafeTensors& f) : backend(b), file(f) {}
  void tensor(const std::string& name, MasterTensor<B>& t) override {
    constexpr Dtype kept = std::same_as<typename B::master, double> ? Dtype::F64 : Dtype::F32;
    const Dtype found = file.info(name).dtype;
    expects<FileError>(found == kept, "'", file.path().string(), "': tensor ", json::quote(name), " is ",
                       dtype_name(found), ", this run keeps ", dtype_name(kept),
                       "; it is of a run in another precision");
    seen.insert(name);
    t = MasterTensor<B>(backend, t.rows(), t.cols(),
                        file.read<typename B::master>(name, {t.rows(), t.cols()}));
  }
  void number(const std::string& name, double& x) override {
    seen.insert(name);
    x = file.read<double>(name, {1})[0];
  }
  void count(const std::string& name, index_t& n) override {
    seen.insert(name);
    n = file.read<std::int64_t>(name, {1})[0];
  }
  /// Nothing of the file may be left over.
  void finish() const {
    for (const TensorInfo& t : file.tensors())
      expects<FileError>(seen.contains(t.name), "'", file.path().string(), "' holds ", json::quote(t.name),
                         ", which this run does not have; it is of another run");
  }
};
}  // namespace detail

/// A callback of fit: saves every `every` steps and when the run is stopped; at the beginning restores what
/// `path` holds, if it exists. A state of another model, method or configuration is an error that names both.
struct Checkpoint {
  static constexpr const char* format = "lorica-checkpoint/2";  // since moments say when they began

  std::filesystem::path path;
  index_t every = 100;

  template <Backend B> void begin(train::Run<B>& run) const {
    expects(every > 0, "checkpoint: every ", every, " steps, expected at least 1");
    if (!std::filesystem::exists(path)) return;
    const SafeTensors file(path);
    const auto found = file.metadata().find("identity");
    expects<FileError>(found != file.metadata().end(), "'", path.string(),
                       "' is not a checkpoint: it has no \"identity\" in its metadata");
    const auto written = file.metadata().find("format");
    expects<FileError>(written != file.metadata().end() && written->second == format, "'", path.string(),
                       "' is ", written == file.metadata().end() ? "of no known format" : written->second,
                       ", expected ", format,
                       ": it is of another version of this library; finish the run with that one, or "
                       "remove the file");
    expects<FileError>(found->second == run.identity, "'", path.string(),
                       "' belongs to another run: it is of {", found->second, "}, this run is {",
                       run.identity, "}; remove it, or name another file");
    detail::StateReader<B> reader(run.backend, file);
    run.visit_state(reader);
    reader.finish();
  }
  template <Backend B> void step(train::Run<B>& run, const train::StepInfo& s) const {
    if ((s.step + 1) % every == 0) save(run);
  }
  template <Backend B> void end(train::Run<B>& run) const { save(run); }

  template <Backend B> void save(train::Run<B>& run) const {
    detail::StateWriter<B> writer(run.backend);
    run.visit_state(writer);
    writer.file.write(path, {{"format", format}, {"identity", run.identity}});
  }
};

}  // namespace lorica::io
