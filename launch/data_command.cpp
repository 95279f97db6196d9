// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "launch/command_line.h"
#include "launch/commands.h"
#include "launch/demo_clouds.h"

namespace larkspur::launch {
namespace {

void run_make_clouds(Invocation& call) {
  DemoCloudOptions options;
  std::string output;
  CommandLine line(call,
                   "Makes OFF meshes of simple solids, laid out as ModelNet-40.",
                   "--output data/demo_clouds --train 50 --test 20");
  line.required_option("--output", "folder to make the set in; must be empty or new", output);
  line.option("--classes", "how many classes, 2 to 10", options.classes);
  line.option("--train", "training shapes a class", options.train);
  line.option("--test", "held-out shapes a class", options.test);
  line.option("--seed", "every shape follows from it", options.seed);
  if (!line.parse()) return;
  options.output = output;
  make_demo_clouds(options);
  call.out << output << ": " << options.classes << " classes, " << options.train << " training and "
           << options.test << " held-out shapes each\n";
}

void run_make(Invocation& call) {
  static constexpr Verb sets[] = {
      {"clouds",
       "meshes of simple solids, a folder a class",
       "--output data/demo_clouds",
       run_make_clouds},
  };
  run_verb(sets, call);
}

}  // namespace

void run_data(Invocation& call) {
  static constexpr Verb verbs[] = {
      {"make", "make a demo data set", "clouds --output data/demo_clouds", run_make},
      {"points",
       "write the points of a cloud or mesh as an array",
       "cup.ply --points 1024 --output cup.npy",
       run_data_points},
      {"check",
       "decode every file of lists and folders",
       "data/demo_clouds --json",
       run_data_check},
  };
  run_verb(verbs, call);
}

}  // namespace larkspur::launch
