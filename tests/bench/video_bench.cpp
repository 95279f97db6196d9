// SPDX-License-Identifier: Apache-2.0
// Times what reading clips of videos costs, on the caller's thread.
//
//   video_bench WORK SECONDS FILE...        milliseconds a clip, then a line a file: its content
//
// WORK: plan    which frames and crops the others take, as JSON, for rivals to take the same
//       open    opening only
//       rgb     16 frames, 4 apart, as uint8 [16, H, W, 3]
//       tensor  a training clip: the same cropped, resized to 224, mirrored, normalised
//       four    four such clips of a file in one pass; four-anew: one after the other
//       views:PROTOCOL, views-anew:PROTOCOL    all views of an evaluation, by one opening or each
//               by its own
//       parts   rgb and tensor taken apart: milliseconds of opening, decoding, colours, the rest
//       memory:FIRST:LAST    resident MiB after so many clips
//
// INDEX_CACHE=FOLDER keeps indexes there. SIDE=S makes crops of S pixels.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "launch/run/kept_memory.h"
#include "pipeline/plan/protocol.h"
#include "readers/video/clip_source.h"
#include "readers/video/clip_transform.h"
#include "readers/video/frame_converter.h"
#include "readers/video/frame_cursor.h"

namespace {

using namespace larkspur;
using Clock = std::chrono::steady_clock;
using Files = std::vector<std::string>;

constexpr std::uint16_t kClips = 4;  // of a file, in the works on several

double seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

std::string from_environment(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

readers::ClipSourceOptions options_of() {
  readers::ClipSourceOptions options;
  options.sampling = {16, 4, std::stoll(from_environment("SIDE", "224")), false};
  options.training = true;
  options.augmentation = {0.2, 1.0, 1.333, true};
  options.index_cache = {from_environment("INDEX_CACHE", "")};
  return options;
}

readers::SampleList list_of(const Files& files) {
  readers::SampleList list;
  for (const std::string& file : files) list.entries.push_back({file, file, 0});
  return list;
}

std::vector<pipeline::SampleKey> keys_of(std::size_t sample, std::int64_t views) {
  std::vector<pipeline::SampleKey> keys;
  for (std::int64_t v = 0; v < views; ++v) {
    keys.push_back({1, 0, static_cast<std::uint32_t>(sample), static_cast<std::uint16_t>(v)});
  }
  return keys;
}

/// What reading a file gave: for comparing, not timed.
struct Content {
  std::uint64_t sum = 0;  ///< of the bytes, each times its place from 1; of pictures only
  double mean = 0;
};

Content content_of(const std::vector<at::Tensor>& clips) {
  Content content;
  for (const at::Tensor& clip : clips) {
    const auto* const bytes = static_cast<const std::uint8_t*>(clip.const_data_ptr());
    const std::size_t count = clip.scalar_type() == at::kByte ? clip.nbytes() : 0;
    for (std::size_t i = 0; i < count; ++i) content.sum += (i + 1) * bytes[i];
    content.mean += clip.mean(at::kDouble).item<double>() / static_cast<double>(clips.size());
  }
  return content;
}

std::vector<at::Tensor> clips_of(const readers::ClipSource& source,
                                 std::span<const pipeline::SampleKey> keys) {
  std::vector<at::Tensor> clips;
  const auto samples = source.read_views(keys);
  for (const pipeline::Sample& sample : samples.value()) clips.push_back(sample.inputs.only());
  return clips;
}

/// One kind of work on the file of a number.
using Work = std::function<std::vector<at::Tensor>(std::size_t file)>;

Work views_work(std::shared_ptr<readers::ClipSource> source, std::int64_t views, bool is_anew) {
  return [=](std::size_t file) {
    const auto keys = keys_of(file, views);
    if (!is_anew) return clips_of(*source, keys);
    std::vector<at::Tensor> clips;
    for (const auto& key : keys) clips.push_back(clips_of(*source, {&key, 1}).front());
    return clips;
  };
}

Work work_of(const std::string& name, const Files& files) {
  readers::ClipSourceOptions options = options_of();
  const auto source = std::make_shared<readers::ClipSource>(list_of(files), options);
  const auto cache = std::make_shared<readers::IndexCache>(options.index_cache);
  if (name == "open") {
    return [=](std::size_t file) {
      (void)cache->open(files[file]).value();
      return std::vector<at::Tensor>{};
    };
  }
  if (name == "rgb") {
    return [=](std::size_t file) {
      const auto opened = cache->open(files[file]);
      readers::VideoFile& video = *opened.value().video;
      const auto plan = pipeline::plan_clip(
          options.sampling, options.augmentation, shape_of(video), keys_of(file, 1).front());
      return std::vector<at::Tensor>{read_frames(video, plan.frames).value()};
    };
  }
  if (name == "tensor" || name == "four")
    return views_work(source, name == "four" ? kClips : 1, false);
  if (name == "four-anew") return views_work(source, kClips, true);
  const std::size_t colon = name.find(':');
  const std::string kind = name.substr(0, colon);
  if (kind != "views" && kind != "views-anew") {
    std::fprintf(stderr, "video_bench: no work '%s'\n", name.c_str());
    std::exit(2);
  }
  options.training = false;
  const std::int64_t side = std::getenv("SIDE") == nullptr ? 0 : options.sampling.size;
  options.eval_views =
      pipeline::sized(pipeline::find_protocol(name.substr(colon + 1)).clips, 224, side);
  return views_work(std::make_shared<readers::ClipSource>(list_of(files), options),
                    options.eval_views.count(),
                    kind == "views-anew");
}

// Once for content and warm caches, then timed until `least` seconds are over.
void time_work(const Work& work, const Files& files, double least) {
  std::vector<Content> contents;
  std::size_t clips = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto read = work(i);
    clips += std::max<std::size_t>(read.size(), 1);
    contents.push_back(content_of(read));
  }
  const auto start = Clock::now();
  std::size_t rounds = 0;
  do {
    for (std::size_t i = 0; i < files.size(); ++i) work(i);
    ++rounds;
  } while (seconds(start) < least);
  std::printf("%.4f\n", 1e3 * seconds(start) / static_cast<double>(rounds * clips));
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::printf("%s %016lx %.4f\n", files[i].c_str(), contents[i].sum, contents[i].mean);
  }
}

void print_plans(const Files& files) {
  const readers::ClipSource source(list_of(files), options_of());
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto planned = source.plan_views(keys_of(i, kClips)).value();
    std::printf("%s{\"file\": \"%s\", \"clips\": [", i == 0 ? "[" : ",\n", files[i].c_str());
    for (std::size_t v = 0; v < planned.plans.size(); ++v) {
      const pipeline::ClipPlan& plan = planned.plans[v];
      std::printf("%s{\"box\": [%ld, %ld, %ld, %ld], \"mirror\": %s, \"size\": %ld, \"frames\": [",
                  v == 0 ? "" : ", ",
                  plan.box.left,
                  plan.box.top,
                  plan.box.width,
                  plan.box.height,
                  plan.mirror ? "true" : "false",
                  plan.size);
      for (std::size_t t = 0; t < plan.frames.size(); ++t) {
        std::printf("%s%ld", t == 0 ? "" : ", ", plan.frames[t]);
      }
      std::printf("]}");
    }
    std::printf("]}");
  }
  std::printf("]\n");
}

/// Seconds of the parts of a clip, over all files.
struct Parts {
  double open = 0, decode = 0, colour = 0, resize = 0, normalise = 0;
};

void add_parts(const std::string& file, std::size_t number, Parts& parts) {
  const readers::ClipSourceOptions options = options_of();
  auto start = Clock::now();
  const auto lap = [&] { return seconds(std::exchange(start, Clock::now())); };
  const readers::IndexCache cache(options.index_cache);
  const auto record = cache.open(file).value().video->record();
  const auto video = readers::VideoFile::open(file).value();
  lap();
  readers::FrameCursor cursor(readers::file_source(file),
                              options.index_cache.path.empty() ? nullptr : &record->index);
  parts.open += lap();
  const auto shape = shape_of(*video);
  const auto plan = pipeline::plan_clip(
      options.sampling, options.augmentation, shape, keys_of(number, 1).front());
  std::vector<std::int64_t> wanted = plan.frames;
  std::sort(wanted.begin(), wanted.end());
  start = Clock::now();
  std::vector<readers::FrameHandle> frames;
  cursor.start(cursor.index().first_packet(wanted.front()), wanted);
  while (const auto frame = cursor.next()) {
    if (std::binary_search(wanted.begin(), wanted.end(), frame->number)) {
      frames.emplace_back(av_frame_clone(frame->frame));
    }
    if (frame->number >= wanted.back()) break;
  }
  parts.decode += lap();
  readers::FrameConverter converter(frames.front()->width, frames.front()->height, {});
  for (const auto& frame : frames) converter.convert(*frame);
  parts.colour += lap();
  const readers::RgbFrame rgb = converter.convert(*frames.front());
  start = Clock::now();
  const at::Tensor clip = at::empty({3, std::ssize(frames), plan.size, plan.size}, at::kFloat);
  std::vector<at::Tensor> cuts;
  for (std::size_t t = 0; t < frames.size(); ++t) cuts.push_back(cut_frame(rgb, plan, shape));
  parts.resize += lap();
  for (std::size_t t = 0; t < frames.size(); ++t) {
    readers::normalise_frame(cuts[t], plan.mirror, clip.select(1, static_cast<std::int64_t>(t)));
  }
  parts.normalise += lap();
}

void print_parts(const Files& files, double least) {
  Parts parts;
  std::size_t clips = 0;
  const auto start = Clock::now();
  do {
    for (std::size_t i = 0; i < files.size(); ++i, ++clips) add_parts(files[i], i, parts);
  } while (seconds(start) < least);
  const double each = 1e3 / static_cast<double>(clips);
  std::printf("open %.3f decode %.3f colour %.3f resize %.3f normalise %.3f\n",
              each * parts.open,
              each * parts.decode,
              each * parts.colour,
              each * parts.resize,
              each * parts.normalise);
}

double resident_mib() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

void print_memory(const std::string& counts, const Files& files) {
  const std::size_t first = std::stoul(counts);
  const std::size_t last = std::stoul(counts.substr(counts.find(':') + 1));
  const Work work = work_of("tensor", files);
  for (std::size_t done = 1; done <= last; ++done) {
    work(done % files.size());
    if (done == first || done == last) std::printf("%zu clips: %.1f MiB\n", done, resident_mib());
  }
}

}  // namespace

int main(int count, char** words) {
  if (count < 4) {
    std::fprintf(stderr, "usage: video_bench WORK SECONDS FILE...\n");
    return 2;
  }
  launch::keep_freed_memory();  // both as the program does
  launch::ask_for_huge_pages();
  at::set_num_threads(1);
  const std::string work = words[1];
  const double least = std::stod(words[2]);
  const Files files(words + 3, words + count);
  if (work == "plan") {
    print_plans(files);
  } else if (work == "parts") {
    print_parts(files, least);
  } else if (work.starts_with("memory:")) {
    print_memory(work.substr(7), files);
  } else {
    time_work(work_of(work, files), files, least);
  }
  return 0;
}
