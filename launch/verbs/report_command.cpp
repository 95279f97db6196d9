// SPDX-License-Identifier: Apache-2.0
#include <ostream>
#include <string>
#include <vector>

#include "launch/report/page.h"
#include "launch/report/run_comparison.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/storage/durable_file.h"

namespace larkspur::launch {

void run_report(Invocation& call) {
  std::string first;
  std::vector<std::string> others;
  std::string output = "report.html";
  CommandLine line(
      call,
      "Puts runs side by side on one page: scores, learning curves, keys that differ,\n"
      "mean and standard deviation over runs that differ in their seed only.",
      "runs/a runs/b runs/c --output report.html");
  line.argument("RUN", "output folder of a training", first);
  line.rest("RUNS", "more of them", others);
  line.option("--output", "page to write; default: report.html", output);
  if (!line.parse()) return;
  std::vector<ComparedRun> runs{read_run(first)};
  for (const std::string& folder : others) runs.push_back(read_run(folder));
  pipeline::write_and_rename(output, fill_page(comparison_page(runs)));
  call.out << runs.size() << " runs in " << output << std::endl;
}

}  // namespace larkspur::launch
