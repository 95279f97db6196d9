// SPDX-License-Identifier: Apache-2.0
#include "model3d/kernels/products_loops.inc"

namespace larkspur::model3d {

const ProductLoops kProductsAvx512 = make_product_loops<16, 12>();

}  // namespace larkspur::model3d
