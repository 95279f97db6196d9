// SPDX-License-Identifier: Apache-2.0
#include "model3d/kernels/products_loops.inc"

namespace larkspur::model3d {

const ProductLoops kProductsPortable = make_product_loops<4, 4>();

}  // namespace larkspur::model3d
