// SPDX-License-Identifier: MIT
/// @file lorica/tasks.hpp
/// Data sets, their rows and their metrics; for users. Tokenizers are in lorica/text.hpp.
#pragma once

#include <lorica/tasks/by_length.hpp>
#include <lorica/tasks/chat_template.hpp>
#include <lorica/tasks/conversation.hpp>
#include <lorica/tasks/conversation_rows.hpp>
#include <lorica/tasks/csv.hpp>
#include <lorica/tasks/e2e.hpp>
#include <lorica/tasks/example_rows.hpp>
#include <lorica/tasks/glue.hpp>
#include <lorica/tasks/lines.hpp>
#include <lorica/tasks/metrics/bleu.hpp>
#include <lorica/tasks/metrics/classification.hpp>
#include <lorica/tasks/metrics/correlation.hpp>
#include <lorica/tasks/metrics/likelihood.hpp>
#include <lorica/tasks/metrics/rouge.hpp>
#include <lorica/tasks/metrics/squad.hpp>
#include <lorica/tasks/pattern.hpp>
#include <lorica/tasks/plain_text.hpp>
#include <lorica/tasks/records.hpp>
#include <lorica/tasks/samples.hpp>
#include <lorica/tasks/squad.hpp>
#include <lorica/tasks/squad_answers.hpp>
#include <lorica/tasks/squad_rows.hpp>
#include <lorica/tasks/tsv.hpp>
#include <lorica/tasks/unicode.hpp>
