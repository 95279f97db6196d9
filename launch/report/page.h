// SPDX-License-Identifier: Apache-2.0
// The page of every report: one file that shows itself, without a network, from the data in it.
//
//   page/page.html <- page.css, charts.js, page.js (built into the program) <- data as JSON
//
// The scripts draw what the data have: a key that is absent is a section that is absent.
//   title, subtitle         text
//   tiles                   [[value, name, note], ...]
//   report                  what report.json holds
//   confusion               [[label, predicted, samples], ...], no zeros; of samples of one label
//   mistakes                worst_mistakes.h; of samples with labels
//   batch                   batch_page.h
//   predicted               [[class, samples it is the likeliest of], ...]; where labels lack
//   history                 run_history.h
//   unreadable_files        as report.json has them
//   time                    {times: [{name, seconds, share}], peak_mib}
//   configuration           config_rows()
//   facts                   [[name, value], ...]
//   compared                run_comparison.h
//   renew                   seconds after which the page loads itself anew
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace larkspur::launch {

/// page.html with style and scripts in their places, and %DATA% where the data go.
std::string_view page_template();

/// The whole page. No text in `data`, whatever it holds, ends the element that the data stand in.
std::string fill_page(const nlohmann::ordered_json& data);

}  // namespace larkspur::launch
