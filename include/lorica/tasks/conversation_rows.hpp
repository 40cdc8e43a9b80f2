// SPDX-License-Identifier: MIT
/// @file lorica/tasks/conversation_rows.hpp
/// Conversations as token rows with loss on the replies.
#pragma once

#include <lorica/tasks/chat_template.hpp>
#include <lorica/tasks/samples.hpp>
#include <lorica/text/encoding.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lorica::tasks {

/// What becomes of a conversation that is too long: its end is cut off, or it is left out.
enum class TooLong { cut, leave_out, refuse };

struct ConversationConfig {
  index_t max_length = 1024;  // rows; the token that only the last row predicts is not one
  TooLong too_long = TooLong::cut;
};

struct ConversationSamples {
  Samples samples;
  index_t cut = 0;       // conversations shortened
  index_t left_out = 0;  // too long, or without a token to learn
};

/// The tokens of a conversation and, by token, whether it is to be learned. The text is cut where loss begins
/// and ends, and the pieces are tokenized one by one: what precedes a reply is then what generation is given,
/// token for token. (A tokenizer that puts a space before every text does so before every piece.)
struct ConversationTokens {
  std::vector<std::int32_t> ids;
  std::vector<bool> learn;
};
template <text::Tokenizer T>
[[nodiscard]] ConversationTokens tokens_of(const T& tokenizer, const ChatTemplate& chat,
                                           const Conversation& turns) {
  ConversationTokens out;
  for (const Piece& piece : chat.pieces(turns)) {
    const text::Encoding encoded = tokenizer.encode(piece.text);
    out.ids.insert(out.ids.end(), encoded.ids.begin(), encoded.ids.end());
    out.learn.insert(out.learn.end(), encoded.size(), piece.learn);
  }
  return out;
}

/// All conversations; a row's target is the next token where that is to be learned. The first token of all
/// has nothing before it, and is never learned.
template <text::Tokenizer T>
[[nodiscard]] ConversationSamples conversation_rows(const T& tokenizer, const ChatTemplate& chat,
                                                    std::span<const Conversation> conversations,
                                                    const ConversationConfig& config = {}) {
  expects(config.max_length > 0, "conversations: a length of ", config.max_length,
          " rows, expected at least 1");
  const auto most = static_cast<std::size_t>(config.max_length);
  ConversationSamples out;
  for (std::size_t c = 0; c < conversations.size(); ++c) {
    const ConversationTokens tokens = tokens_of(tokenizer, chat, conversations[c]);
    const std::size_t rows = tokens.ids.empty() ? 0 : tokens.ids.size() - 1;
    expects(rows <= most || config.too_long != TooLong::refuse, "conversation ", c, " is of ", rows,
            " rows, expected at most ", config.max_length);
    const std::size_t kept = rows > most && config.too_long == TooLong::leave_out ? 0 : std::min(rows, most);
    std::vector<std::int32_t> targets;
    bool learns = false;
    for (std::size_t i = 0; i < kept; ++i) {
      targets.push_back(tokens.learn[i + 1] ? tokens.ids[i + 1] : no_target);
      learns = learns || tokens.learn[i + 1];
    }
    if (!learns) {
      ++out.left_out;
      continue;
    }
    if (kept < rows) ++out.cut;
    out.samples.add(std::span(tokens.ids).first(kept), targets);
  }
  return out;
}

}  // namespace lorica::tasks
