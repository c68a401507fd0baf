"""A simulator of feed-forward spiking networks for many examples at once."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["filters", "neurons", "products"],
    submod_attrs={
        "compiling": ["compilation", "compile_once"],
        "neuron_kernels": ["filtered", "integrate_and_fire", "lif", "only"],
        "neurons": ["STAGES"],
        "plans": ["Plan", "add_stages"],
        "product_kernels": ["find_spiking", "frame_outputs", "turn_round"],
        "products": ["Counts", "prepare", "to_numbers"],
        "row_sums": ["add_rows", "gather_rows"],
        "simulator": ["Simulator"],
        "stages": ["Stage"],
        "threads": ["multiply", "one_blas_thread", "spread"],
        "vectors": ["REGISTER"],
        "window_kernels": ["convolve", "lay_in_panels"],
    },
)
