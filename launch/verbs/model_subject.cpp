// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/model_subject.h"

#include "launch/config/model_options.h"
#include "launch/verbs/model_request.h"
#include "pipeline/require.h"

namespace larkspur::launch {

ModelSubject subject_of(const RunConfig& config) {
  ModelSubject subject{model_options(config), {}};
  const auto side = config.data.clip.size;
  const ViewConfig& views = config.data.views;
  switch (config.model.form) {
    case ModelForm::kJoint:
      subject.second = {views.count, views.size, views.size};
      [[fallthrough]];
    case ModelForm::kVoxel:
      subject.sizes.assign(3, config.data.grid);
      break;
    case ModelForm::kViews:
      subject.sizes = {views.count, views.size, views.size};
      break;
    case ModelForm::kPoints:
    case ModelForm::kCells:
      subject.sizes = {config.data.points};
      break;
    case ModelForm::kImage:
      subject.sizes = {side, side};
      break;
    default:
      subject.sizes = {config.data.clip.frames, side, side};
  }
  return subject;
}

model3d::SampleSizes sizes_of(const ModelSubject& subject) {
  const model3d::Form& form = model3d::find_form(subject.options.form);
  const bool joint = form.extractor == model3d::ExtractorKind::kJoint;
  pipeline::require(joint || subject.second.empty(),
                    pipeline::Errc::kInvalidArgument,
                    "--second-input is set, but form ",
                    form.name,
                    " takes one input");
  return {sample_sizes(subject.options, subject.sizes),
          joint ? sample_sizes(model3d::side_of(subject.options, "views"), subject.second)
                : std::vector<std::int64_t>{}};
}

}  // namespace larkspur::launch
