// SPDX-License-Identifier: Apache-2.0
#include "model3d/forms.h"

#include <algorithm>
#include <array>
#include <string>

#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

// A grid of 32 is a seventh of a picture: at the published stem's stride of 4 one place would be
// left in the last stage.
constexpr std::array kForms{
    Form{"voxel", 1, {3, 3, 3}, {13, 13, 13}, 2, 3},
    Form{"image", 3, {1, 3, 3}, {1, 13, 13}, 4, 2},
};

}  // namespace

at::Tensor Form::as_map(const at::Tensor& input) const {
  const bool fits =
      input.dim() == map_axes + 2 && input.size(1) == in_channels && input.numel() > 0;
  pipeline::require(fits,
                    pipeline::Errc::kInvalidArgument,
                    "[network] input ",
                    input.sizes(),
                    " is not a batch of ",
                    in_channels,
                    " channel(s) and ",
                    map_axes,
                    " axes, as form ",
                    name,
                    " takes it");
  return map_axes == 2 ? input.unsqueeze(2) : input;
}

const Form& find_form(std::string_view name) {
  const auto row = std::ranges::find(kForms, name, &Form::name);
  std::string known;
  for (const Form& form : kForms) known.append(" ").append(form.name);
  pipeline::require(row != kForms.end(),
                    pipeline::Errc::kInvalidArgument,
                    "[form] \"",
                    name,
                    "\" is none of:",
                    known);
  return *row;
}

}  // namespace larkspur::model3d
