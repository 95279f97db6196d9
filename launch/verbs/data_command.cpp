// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "readers/synthetic/demo_clouds.h"
#include "readers/synthetic/demo_videos.h"

namespace larkspur::launch {
namespace {

void run_make_clouds(Invocation& call) {
  readers::DemoCloudOptions options;
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
  readers::make_demo_clouds(options);
  call.out << output << ": " << options.classes << " classes, " << options.train << " training and "
           << options.test << " held-out shapes each\n";
}

void run_make_videos(Invocation& call) {
  readers::DemoVideoOptions options;
  std::string output;
  CommandLine line(call,
                   "Makes H.264 videos of things that move, laid out as Kinetics-400.",
                   "--output data/demo_videos --train 60 --test 20");
  line.required_option("--output", "folder to make the set in; must be empty or new", output);
  line.option("--classes", "how many classes, 2 to 10, an even number", options.classes);
  line.option("--train", "training videos a class", options.train);
  line.option("--test", "held-out videos a class", options.test);
  line.option("--seed", "every video follows from it", options.seed);
  line.option("--size", "width and height in pixels, even", options.size);
  line.option("--frames", "pictures a video, 16 a second", options.frames);
  line.option("--quantiser", "of the encoder: 0 loses nothing, 51 is worst", options.quantiser);
  if (!line.parse()) return;
  options.output = output;
  readers::make_demo_videos(options);
  call.out << output << ": " << options.classes << " classes, " << options.train << " training and "
           << options.test << " held-out videos each\n";
}

void run_make(Invocation& call) {
  static constexpr Verb sets[] = {
      {"clouds",
       "meshes of simple solids, a folder a class",
       "--output data/demo_clouds",
       run_make_clouds},
      {"videos",
       "videos of things that move, a folder a class",
       "--output data/demo_videos",
       run_make_videos},
  };
  run_verb(sets, call);
}

}  // namespace

void run_data(Invocation& call) {
  static constexpr Verb verbs[] = {
      {"make", "make a demo data set", "clouds --output data/demo_clouds", run_make},
      {"frames",
       "pictures of a video as an NPY array",
       "clip.mp4 --frames 0,15,29 --output pictures.npy",
       run_data_frames},
      {"points",
       "write the points of a cloud or mesh as an array",
       "cup.ply --points 1024 --output cup.npy",
       run_data_points},
      {"check",
       "decode every file of lists and folders",
       "data/demo_clouds --json",
       run_data_check},
      {"index",
       "read videos through ahead of a training",
       "data/demo_videos --workers 2",
       run_data_index},
  };
  run_verb(verbs, call);
}

}  // namespace larkspur::launch
