// SPDX-License-Identifier: Apache-2.0
// The rows of the key table; what is done with them is in config_schema.cpp.
#include <array>

#include "launch/config/config_row.h"

namespace larkspur::launch {
namespace {

constexpr std::string_view kSplits[] = {"train", "test", "val", "validate"};
constexpr auto kFree = ResumeRule::kMayChange;
constexpr auto kSample = KeyRole::kSample;

// Not joint, whose samples cannot be blended: a box of voxels is no box of pictures.
constexpr std::initializer_list<ModelForm> kMixable{ModelForm::kVoxel,
                                                    ModelForm::kCells,
                                                    ModelForm::kPoints,
                                                    ModelForm::kClip,
                                                    ModelForm::kDifferences,
                                                    ModelForm::kRaw,
                                                    ModelForm::kGrid,
                                                    ModelForm::kFrames,
                                                    ModelForm::kImage,
                                                    ModelForm::kViews};

// What earlier programs had under another name, or not at all any more.
constexpr std::array<RetiredKey, 0> kRetired{};

std::vector<Row> run_rows() {
  using C = RunConfig;
  return {
      key<&C::seed>("seed", "every random draw of the run follows from it")
          .at_least(0)
          .decides(kSample),
      key<&C::output>("output", "folder of everything the run writes").on_resume(kFree),
      key<&C::device>("device", "where the network runs").on_resume(kFree),
      key<&C::resume>("resume", "auto: go on from output's newest checkpoint").on_resume(kFree),
  };
}

template <auto Side>
std::vector<Row> side_rows(std::span<const std::string_view, 4> paths, ResumeRule rule) {
  constexpr auto data = &RunConfig::data;
  using S = SideConfig;
  return {
      key<data, Side, &S::list>(paths[0], "file that names the samples; '': walk root")
          .names(PathKind::kFile)
          .on_resume(rule),
      key<data, Side, &S::root>(paths[1], "folder the list starts at, or with a folder a class")
          .names(PathKind::kFolder)
          .on_resume(rule),
      key<data, Side, &S::labels>(paths[2], "file of class names, one a line; '': sorted names")
          .names(PathKind::kFile)
          .on_resume(rule),
      key<data, Side, &S::split>(paths[3], "which part of a folder layout")
          .one_of(kSplits)
          .on_resume(rule),
  };
}

constexpr std::string_view kTrainSide[] = {
    "data.train.list", "data.train.root", "data.train.labels", "data.train.split"};
constexpr std::string_view kEvalSide[] = {
    "data.eval.list", "data.eval.root", "data.eval.labels", "data.eval.split"};

std::vector<Row> clip_rows() {
  constexpr auto data = &RunConfig::data;
  constexpr auto clip = &DataConfig::clip;
  constexpr auto crop = &DataConfig::crop;
  constexpr auto distort = &DataConfig::distortion;
  using S = pipeline::ClipSampling;
  using A = pipeline::ClipAugmentation;
  using D = pipeline::PictureDistortion;
  return {
      key<data, clip, &S::frames>("data.frames", "pictures in a clip")
          .within(1, 1024)
          .decides(kSample),
      key<data, clip, &S::by>("data.sampling",
                              "where they lie in the video: data.stride apart, in data.seconds at "
                              "its rate (30 where it has none), or one of each of so many parts")
          .decides(kSample),
      key<data, clip, &S::stride>("data.stride", "pictures of the video from one to the next")
          .within(1, 1024)
          .decides(kSample),
      key<data, clip, &S::seconds>("data.seconds", "of a clip, with data.sampling=seconds; else 0")
          .within(0, 3600)
          .decides(kSample),
      key<data, clip, &S::size>("data.size", "width and height of a clip, pixels")
          .within(8, 2048)
          .decides(kSample),
      key<data, clip, &S::shuffle_frames>("data.shuffle_frames",
                                          "a control: each clip's pictures in an order of its own")
          .decides(kSample),
      key<data, crop, &A::area_min>("data.crop.area_min",
                                    "smallest share of a picture that a random crop keeps")
          .within(0.001, 1),
      key<data, crop, &A::area_max>("data.crop.area_max", "largest share that a random crop keeps")
          .within(0.001, 1),
      key<data, crop, &A::aspect_max>("data.crop.aspect_max",
                                      "largest ratio of a random crop's sides, either way")
          .within(1, 10),
      key<data, crop, &A::mirror>("data.crop.mirror", "swap left and right one time in two"),
      key<data, distort, &D::ops>("data.distort.ops",
                                  "RandAugment's operations, one draw of so many a clip")
          .within(0, 8),
      key<data, distort, &D::magnitude>("data.distort.magnitude", "of each of them")
          .within(0, pipeline::kLargestMagnitude),
      key<data, distort, &D::brightness>("data.distort.brightness",
                                         "factor drawn from 1 minus this to 1 plus this")
          .within(0, 1),
      key<data, distort, &D::contrast>("data.distort.contrast", "likewise").within(0, 1),
      key<data, distort, &D::saturation>("data.distort.saturation", "likewise").within(0, 1),
      key<data, distort, &D::erase>("data.distort.erase",
                                    "chance that one box of a clip is painted in the mean colour")
          .within(0, 1),
  };
}

std::vector<Row> cloud_rows() {
  constexpr auto data = &RunConfig::data;
  constexpr auto augment = &DataConfig::augmentation;
  constexpr auto views = &DataConfig::views;
  using D = DataConfig;
  using V = ViewConfig;
  using A = pipeline::CloudAugmentation;
  return {
      key<data, &D::points>("data.points", "points kept of a cloud")
          .within(1, 1000000)
          .decides(kSample),
      key<data, &D::subset>("data.subset", "which stored points an evaluation takes of more")
          .on_resume(kFree),
      key<data, &D::grid>("data.grid", "voxels along each axis").within(4, 512).decides(kSample),
      key<data, &D::cells>("data.cells",
                           "what a voxel tells of its points: that there are any, or 12 values "
                           "(share, count, offset, normal, planarity)")
          .decides(KeyRole::kShape)
          .of_forms({ModelForm::kVoxel, ModelForm::kJoint}),
      key<data, views, &V::count>("data.views", "forms views, joint: pictures around a cloud")
          .within(1, 64)
          .decides(kSample),
      key<data, views, &V::elevation>("data.elevation",
                                      "of their viewpoints above the ground, degrees")
          .within(-90, 90)
          .decides(kSample),
      key<data, views, &V::size>("data.view_size", "their width and height, pixels")
          .within(8, 1024)
          .decides(kSample),
      key<data, views, &V::splat>("data.splat", "radius of a point in them, in radii of the shape")
          .within(0, 1)
          .decides(kSample),
      key<data, augment, &A::scale_min>("data.augmentation.scale_min",
                                        "smallest random scale of an axis")
          .above(0),
      key<data, augment, &A::scale_max>("data.augmentation.scale_max",
                                        "largest random scale of an axis")
          .above(0),
      key<data, augment, &A::shift>("data.augmentation.shift",
                                    "largest random shift along an axis, in radii of the shape")
          .at_least(0),
      key<data, augment, &A::rotate_up>("data.augmentation.rotate_up",
                                        "turn by any angle about the up axis (z)"),
      key<data, augment, &A::mirror>("data.augmentation.mirror",
                                     "negate x and y, each one time in two"),
      key<data, augment, &A::fit>(
          "data.augmentation.fit",
          "bring a scaled cloud back into the unit sphere, before the shift"),
  };
}

std::vector<Row> data_rows() {
  constexpr auto data = &RunConfig::data;
  using D = DataConfig;
  return {
      key<data, &D::holdout>("data.holdout",
                             "share of each class of data.train kept out of training, to choose by "
                             "(eval.on=holdout)")
          .below(0, 1),
      key<data, &D::max_bad_fraction>("data.max_bad_fraction",
                                      "unreadable share of a list that stops the run")
          .within(0, 1)
          .on_resume(kFree),
      key<data, &D::workers>("data.workers", "loader threads a rank")
          .within(1, 256)
          .on_resume(kFree),
      key<data, &D::pixels>("data.pixels",
                            "pictures and clips from reader to device: float32; uint8, a quarter "
                            "of the bytes, normalised there to the same values; bfloat16, half, "
                            "rounded")
          .on_resume(ResumeRule::kMayDiffer),
      key<data, &D::index_cache>("data.index_cache",
                                 "folder that keeps videos' indexes, so that each is read through "
                                 "once; auto: what 'data index' has kept in "
                                 "~/.cache/larkspur/videos; none")
          .on_resume(kFree),
  };
}

std::vector<Row> step_rows() {
  constexpr auto train = &RunConfig::train;
  using T = TrainConfig;
  return {
      key<train, &T::epochs>("train.epochs", "passes over the training list").at_least(1),
      key<train, &T::minutes>("train.minutes",
                              "when a run begins, train.epochs becomes what fits into them on this "
                              "machine, and is kept; 0: as train.epochs says")
          .at_least(0)
          .on_resume(ResumeRule::kNotRead),
      key<train, &T::global_batch>("train.global_batch", "samples a step, over all ranks")
          .at_least(1),
      key<train, &T::repeats>("train.repeats",
                              "views of each sample in a step, drawn one by one, read from one "
                              "opening; train.global_batch counts them")
          .within(1, 1024),
      key<train, &T::lanes>("train.lanes", "slices of a global batch, a power of two; >= ranks")
          .within(1, 65536),
  };
}

std::vector<Row> optimiser_rows() {
  constexpr auto train = &RunConfig::train;
  using T = TrainConfig;
  return {
      key<train, &T::learning_rate>("train.learning_rate", "peak, after the warm-up").at_least(0),
      key<train, &T::min_learning_rate>("train.min_learning_rate", "at the last step, by a cosine")
          .at_least(0),
      key<train, &T::weight_decay>("train.weight_decay", "decoupled, as AdamW").at_least(0),
      key<train, &T::beta1>("train.beta1", "AdamW: decay of the gradient's mean").below(0, 1),
      key<train, &T::beta2>("train.beta2", "AdamW: decay of the mean square").below(0, 1),
      key<train, &T::epsilon>("train.epsilon", "AdamW: added to the root mean square").above(0),
      key<train, &T::layer_decay>("train.layer_decay",
                                  "rate of a group of layers over that of the next; 1: all alike")
          .above_up_to(0, 1),
      key<train, &T::head_rate>("train.head_rate",
                                "rate of norm, head and what a form adds of its own over "
                                "train.learning_rate: 10 where a fine-tuning begins them anew")
          .above(0),
      key<train, &T::average_decay>(
          "train.average_decay",
          "share of the weights' average that a step keeps (0.999 or so); 0: none is kept")
          .below(0, 1),
      key<train, &T::warmup_epochs>("train.warmup_epochs", "epochs of linear rise from zero")
          .at_least(0),
      key<train, &T::warmup_share>("train.warmup_share",
                                   "share of all steps that rise, in place of warmup_epochs; 0: as "
                                   "warmup_epochs says")
          .below(0, 1),
      key<train, &T::label_smoothing>("train.label_smoothing", "probability spread over classes")
          .below(0, 1),
      key<train, &T::mix, &pipeline::MixOptions::mixup>(
          "train.mixup", "mixup's Beta parameter, partners inside a lane; 0: off")
          .at_least(0)
          .of_forms(kMixable),
      key<train, &T::mix, &pipeline::MixOptions::cutmix>(
          "train.cutmix", "cutmix's Beta parameter; with mixup each sample draws one; 0: off")
          .at_least(0)
          .of_forms(kMixable),
      key<train, &T::clip_norm>("train.clip_norm", "largest norm of the gradient; 0: off")
          .at_least(0),
      key<train, &T::precision>("train.precision",
                                "type of products; weights stay float32; float16 is for GPUs"),
      key<train, &T::batch_norm>("train.batch_norm",
                                 "what BatchNorm averages over: each lane, or all of them"),
      key<train, &T::precise_norm_samples>(
          "train.precise_norm_samples",
          "samples that statistics are measured over at each epoch's end; 0: running averages")
          .within(0, 1000000000),
  };
}

std::vector<Row> run_keeping_rows() {
  constexpr auto train = &RunConfig::train;
  using T = TrainConfig;
  return {
      key<train, &T::checkpoint_every>("train.checkpoint_every",
                                       "steps between checkpoints; 0: each epoch's end only")
          .at_least(0)
          .on_resume(kFree),
      key<train, &T::keep>("train.keep", "newest checkpoints kept")
          .within(1, 1000000)
          .on_resume(kFree),
      key<train, &T::keep_every>("train.keep_every",
                                 "beside those the first checkpoint at or after every so many "
                                 "steps is kept; 0: none")
          .at_least(0)
          .on_resume(kFree),
      key<train, &T::evaluate_every>(
          "train.evaluate_every",
          "epochs between evaluations beside the training, of what eval.on says, the last epoch's "
          "too; 0: none. What is evaluated is saved; with eval.on=holdout checkpoints/best is the "
          "best one")
          .at_least(0)
          .on_resume(kFree),
      key<train, &T::tensorboard>("train.tensorboard",
                                  "write output/tensorboard, too: the numbers of metrics.jsonl as "
                                  "event files of TensorBoard")
          .on_resume(kFree),
      key<train, &T::bucket_elements>("train.bucket_elements",
                                      "gradient elements exchanged together")
          .at_least(1),
      key<train, &T::threads>("train.threads", "compute threads a rank")
          .within(1, 1024)
          .on_resume(ResumeRule::kMayDiffer),
      key<train, &T::deadline_seconds>(
          "train.deadline_seconds",
          "longest silence of a rank, and longest that others wait for one at its data or passes; "
          "a single message has 4 s more, a whole save ten times as much")
          .above(0)
          .on_resume(kFree),
      key<train, &T::stop_after_steps>("train.stop_after_steps",
                                       "stop there with a checkpoint; 0: run to the end")
          .at_least(0)
          .on_resume(kFree),
  };
}

std::vector<Row> eval_rows() {
  constexpr auto eval = &RunConfig::eval;
  using E = EvalConfig;
  return {
      key<eval, &E::protocol>("eval.protocol",
                              "which views of a sample are scored; 'inspect protocols' lists them")
          .one_of(pipeline::protocol_names())
          .on_resume(kFree),
      key<eval, &E::on>("eval.on", "what is scored: data.eval, or what data.holdout keeps out")
          .on_resume(kFree),
      key<eval, &E::size>("eval.size",
                          "width and height of a view of pictures, pixels; 0: as the protocol has "
                          "it, else data.size")
          .within(0, 2048)
          .on_resume(kFree),
      key<eval, &E::batch>("eval.batch", "views a forward pass, on each rank")
          .within(1, 65536)
          .on_resume(kFree),
      key<eval, &E::bad_samples>("eval.bad_samples", "how an unreadable sample counts")
          .on_resume(kFree),
  };
}

std::vector<ConfigKey> all_keys() {
  std::vector<ConfigKey> keys;
  const auto add = [&](const std::vector<Row>& rows) {
    keys.insert(keys.end(), rows.begin(), rows.end());
  };
  add(run_rows());
  add({key<&RunConfig::data, &DataConfig::kind>("data.kind", "what a sample is"),
       key<&RunConfig::data, &DataConfig::several_labels>(
           "data.several_labels",
           "samples show several classes, lists name all of them: binary cross entropy, mean "
           "average precision")
           .decides(kSample)});
  add(side_rows<&DataConfig::train>(kTrainSide, ResumeRule::kSameSamples));
  add(side_rows<&DataConfig::eval>(kEvalSide, kFree));
  add(clip_rows());
  add(cloud_rows());
  add(data_rows());
  add(model_rows());
  add(step_rows());
  add(optimiser_rows());
  add(run_keeping_rows());
  add(eval_rows());
  return keys;
}

}  // namespace

std::span<const RetiredKey> retired_keys() { return kRetired; }

std::span<const ConfigKey> config_keys() {
  static const std::vector<ConfigKey> keys = all_keys();
  return keys;
}

}  // namespace larkspur::launch
