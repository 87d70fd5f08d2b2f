using System.Runtime.InteropServices;

namespace OnnxMoe.Serving.Groups;

/// <summary>What rank 0 tells the others to do next.</summary>
/// <param name="Call">Number of the place where experts are applied; <see cref="End"/> is the end of the group.</param>
/// <param name="Width">Numbers of a token.</param>
/// <param name="Picks">Most experts a token wants.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct GroupStep(int Call, int Width, int Picks)
{
    public const int End = -1;

    /// <summary>Says it to the others, or hears it from rank 0.</summary>
    public static GroupStep Share(ServerGroup group, GroupStep step)
    {
        group.Broadcast(MemoryMarshal.AsBytes(new Span<GroupStep>(ref step)));
        return step;
    }
}
