using System.Runtime.InteropServices;

namespace OnnxMoe.Exporter.Deployment;

/// <summary>A second name for a file, so that a large one need not be copied.</summary>
internal static partial class HardLink
{
    /// <summary>Gives a file another name; copies it where the file system has no such links or the two names are on different ones.</summary>
    /// <param name="file">The file that is there.</param>
    /// <param name="name">Its new name, which must be free.</param>
    public static void Make(string file, string name)
    {
        if (Link(file, name) != 0)
            File.Copy(file, name);
    }

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string added);
}
