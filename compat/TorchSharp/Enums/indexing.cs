namespace TorchSharp;

/// <summary>Order of the axes of a mesh grid.</summary>
public enum indexing
{
    xy = 0,
    ij = 1,
}
