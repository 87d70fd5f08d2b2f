using System.Globalization;

namespace OnnxMoe.Placement.Costs;

/// <summary>Numbers as people read them.</summary>
public static class Units
{
    static readonly string[] Binary = ["bytes", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>Bytes with a binary unit, for example "1.5 GiB".</summary>
    public static string Bytes(long bytes)
    {
        var (value, unit) = ((double)bytes, 0);
        for (; value >= 1024 && unit < Binary.Length - 1; unit++)
            value /= 1024;
        return string.Create(CultureInfo.InvariantCulture, $"{value:0.##} {Binary[unit]}");
    }

    /// <summary>A number with thousands separators and at most <paramref name="digits"/> digits after the point; "-" where there is none.</summary>
    public static string Number(double value, int digits = 0) =>
        double.IsFinite(value) ? value.ToString(digits == 0 ? "N0" : $"N{digits}", CultureInfo.InvariantCulture) : "-";

    /// <summary>A share as percent.</summary>
    public static string Percent(double share) => double.IsFinite(share) ? string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.0} %") : "-";

    /// <summary>Seconds with a fitting unit.</summary>
    public static string Seconds(double seconds) => seconds switch
    {
        double.NaN => "-",
        < 1e-3 => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1e6:0.0} µs"),
        < 1 => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1e3:0.0} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s"),
    };
}
