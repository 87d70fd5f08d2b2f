using Microsoft.Win32.SafeHandles;

namespace OnnxMoe.Artifacts.Tensors;

/// <summary>Opening and reading of binary files with errors that name them.</summary>
internal static class TensorFile
{
    /// <exception cref="UserError">The file is missing or may not be read.</exception>
    public static SafeFileHandle Open(string path)
    {
        try
        {
            return File.OpenHandle(path);
        }
        catch (Exception problem) when (problem is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserError($"{path} does not exist.", problem);
        }
        catch (UnauthorizedAccessException problem)
        {
            throw new UserError($"{path} may not be read (permission denied, or it is a folder).", problem);
        }
    }

    /// <summary>All bytes of a file.</summary>
    /// <inheritdoc cref="Open"/>
    public static byte[] ReadAll(string path)
    {
        using var file = Open(path);
        var length = RandomAccess.GetLength(file);
        if (length > Array.MaxLength)
            throw new UserError($"{path} has {length} bytes, more than the 2 GiB that one such file may have.");
        var bytes = new byte[length];
        ReadFully(file, bytes, 0, path);
        return bytes;
    }

    /// <summary>Fills <paramref name="buffer"/> from the given offset.</summary>
    /// <exception cref="UserError">The file ends before the buffer is full.</exception>
    public static void ReadFully(SafeFileHandle file, Span<byte> buffer, long offset, string path)
    {
        while (buffer.Length > 0)
        {
            var count = RandomAccess.Read(file, buffer, offset);
            if (count == 0)
                throw new UserError($"{path} ends at byte {offset}, {buffer.Length} bytes too early: it is truncated.");
            buffer = buffer[count..];
            offset += count;
        }
    }
}
