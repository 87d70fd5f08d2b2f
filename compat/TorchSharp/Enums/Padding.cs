namespace TorchSharp;

/// <summary>Automatic padding of a convolution.</summary>
public enum Padding
{
    Valid = 0,
    Same = 1,
}
