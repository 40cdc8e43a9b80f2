// SPDX-License-Identifier: MIT
// lorica pretrain: a byte-level decoder from nothing, on text.
#include "commands.hpp"
#include "text.hpp"

#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/io/checkpoint.hpp>
#include <lorica/io/decoder_folder.hpp>
#include <lorica/nn/initial.hpp>
#include <lorica/report/format.hpp>
#include <lorica/train/estimate.hpp>
#include <lorica/train/evaluate.hpp>

#include <iostream>

namespace lorica::cli {

void add_pretrain(CLI::App& app) {
  struct Options {
    std::vector<std::string> text, heldout;
    std::string out, checkpoint;
    index_t width = 128, layers = 6, heads = 4, hidden = 384, length = 256;
    train::FitConfig fit{.steps = 2000,
                         .batch = 16,
                         .optimizer = {.lr = 2e-3, .beta2 = 0.95, .weight_decay = 0.1},
                         .schedule = {train::Schedule::cosine, 100, 0.1}};
    bool bf16 = false;
  };
  auto o = std::make_shared<Options>();
  auto* c = app.add_subcommand("pretrain", "Train a byte-level decoder from nothing");
  c->add_option("--text", o->text, "files to learn from")->required();
  c->add_option("--heldout", o->heldout, "files to measure bits per byte on, at the end");
  c->add_option("--out", o->out, "folder of the model")->required();
  c->add_option("--checkpoint", o->checkpoint, "file of the run's state; an interrupted run goes on from it");
  c->add_option("--width", o->width)->capture_default_str();
  c->add_option("--layers", o->layers)->capture_default_str();
  c->add_option("--heads", o->heads)->capture_default_str();
  c->add_option("--hidden", o->hidden, "width of the gated feed-forward")->capture_default_str();
  c->add_option("--length", o->length, "bytes of a window, and positions of the model")
      ->capture_default_str();
  add_fit_options(*c, o->fit);
  c->add_flag("--bf16", o->bf16, "store the weights as BF16");
  c->callback([o] {
    using B = cpu::EigenBackend<float>;
    if (!o->checkpoint.empty()) expect_folder_of(o->checkpoint);
    B b;
    nn::DecoderConfig config{
        .vocabulary = 256, .width = o->width, .layers = o->layers, .positions = o->length};
    config.block.attention.heads = config.block.attention.kv_heads = o->heads;
    config.block.feed_forward.hidden = o->hidden;
    nn::Decoder<B, Parameter<B>> model(b, config, nn::initial(o->fit.seed, o->layers));
    train::Everything<B, nn::Decoder<B, Parameter<B>>> all(model);
    const auto data = train::windows(joined(read_documents(o->text)), {.length = o->length});
    index_t parameters = 0;
    all.for_each_parameter([&](Parameter<B>& p, double) { parameters += p.value.size(); });
    std::cout << report::human_count(double(parameters)) << " parameters, " << data.size() << " windows of "
              << o->length << " bytes\n";
    const auto memory = train::estimate(b, model, all, data, o->fit);
    print(std::cout, memory);
    stop_after_a_step();
    o->fit.identity = message("pretrain ", o->width, 'x', o->layers, " heads ", o->heads, " hidden ",
                              o->hidden, " length ", o->length);
    const train::StopWhen stop{interrupted};
    train::FitResult result;
    if (o->checkpoint.empty())
      result = train::fit(b, model, all, data, o->fit, Bar(o->fit.steps), stop);
    else
      result = train::fit(b, model, all, data, o->fit, io::Checkpoint{o->checkpoint, 200}, Bar(o->fit.steps),
                          stop);
    if (result.stopped) throw Interrupted{};
    io::save_decoder(b, model, o->out, o->bf16 ? io::Dtype::BF16 : io::Dtype::F32);
    std::cout << "last loss " << report::fixed(train::bits(result.loss), 4) << " bits per byte, "
              << report::human_duration(result.seconds) << "\n";
    print_peak(std::cout, memory, result);
    if (!o->heldout.empty()) {
      const auto saved = io::load_decoder(b, o->out);
      std::cout << "held out: "
                << report::fixed(
                       train::bits(train::evaluate(
                           b, saved,
                           train::windows(joined(read_documents(o->heldout)), {.length = o->length}))),
                       4)
                << " bits per byte, as saved\n";
    }
  });
}

}  // namespace lorica::cli
