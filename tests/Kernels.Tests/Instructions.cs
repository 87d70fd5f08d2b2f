using System.Runtime.InteropServices;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Kernels.Tests;

/// <summary>Chooses the kernels' instruction set, so that a test sees those too that this processor would not pick.</summary>
internal static unsafe class Instructions
{
    private static readonly delegate* unmanaged<byte*, byte*> Chooser =
        (delegate* unmanaged<byte*, byte*>)NativeLibrary.GetExport(NativeLibrary.Load(KernelLibrary.Locate()), "OnnxMoeInstructions");

    /// <summary>For kernels created from now on; false if this processor cannot run them.</summary>
    public static bool Choose(string name)
    {
        var text = Marshal.StringToCoTaskMemUTF8(name);
        try
        {
            return Chooser((byte*)text) != null;
        }
        finally
        {
            Marshal.FreeCoTaskMem(text);
        }
    }
}
