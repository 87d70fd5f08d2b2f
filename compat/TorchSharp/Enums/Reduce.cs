namespace TorchSharp;

/// <summary>How values for the same element are combined.</summary>
public enum Reduce
{
    prod = 0,
    mean = 1,
    amax = 2,
    amin = 3,
}
