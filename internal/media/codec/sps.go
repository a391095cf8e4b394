package codec

// maxSide bounds a picture's width and height in pixels. Level 6.2 allows 16,888; nothing we take comes near.
const maxSide = 16384

// Size is a picture's size in pixels.
type Size struct{ Width, Height uint16 }

// ParseSPS returns the size of the pictures that a sequence parameter set announces (ITU-T H.264 section
// 7.3.2.1.1), sps beginning with the NAL header. It reports false for what is malformed or out of all measure.
func ParseSPS(sps []byte) (Size, bool) {
	if len(sps) < 4 || sps[0]&0x1f != nalSPS {
		return Size{}, false
	}
	r := bits{b: sps[1:]}
	profile := r.read(8)
	r.read(16) // constraint flags and level
	r.ue()     // seq_parameter_set_id
	chroma, separate := uint32(1), false
	if hasChroma(profile) {
		chroma, separate = r.chroma()
	}
	r.ue() // log2_max_frame_num_minus4
	r.pictureOrder()
	r.ue()    // max_num_ref_frames
	r.read(1) // gaps_in_frame_num_value_allowed_flag
	width, height := r.ue()+1, r.ue()+1
	fields := 1 - r.read(1) // 2 - frame_mbs_only_flag, less 1
	if fields == 1 {
		r.read(1) // mb_adaptive_frame_field_flag
	}
	r.read(1) // direct_8x8_inference_flag
	if width == 0 || height == 0 || width > maxSide/16 || height > maxSide/16 {
		return Size{}, false
	}
	width, height = width*16, height*16*(1+fields)
	cropX, cropY := r.crop(chroma, separate, fields)
	if r.failed || height > maxSide || cropX >= uint64(width) || cropY >= uint64(height) {
		return Size{}, false
	}
	return Size{uint16(uint64(width) - cropX), uint16(uint64(height) - cropY)}, true
}

// hasChroma says whether a profile's parameter sets tell the chroma format.
func hasChroma(profile uint32) bool {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		return true
	}
	return false
}

// chroma reads chroma_format_idc up to the scaling lists.
func (r *bits) chroma() (format uint32, separate bool) {
	format = r.ue()
	lists := 8
	if format == 3 {
		separate = r.read(1) == 1
		lists = 12
	}
	if format > 3 {
		r.failed = true
	}
	r.ue() // bit_depth_luma_minus8
	r.ue() // bit_depth_chroma_minus8
	r.read(1)
	if r.read(1) == 1 { // seq_scaling_matrix_present_flag
		for i := range lists {
			r.scalingList(i)
		}
	}
	return format, separate
}

// scalingList skips one list (section 7.3.2.1.1.1): the first six have 16 entries, the others 64.
func (r *bits) scalingList(i int) {
	if r.read(1) == 0 {
		return
	}
	size := 16
	if i >= 6 {
		size = 64
	}
	last, next := int32(8), int32(8)
	for range size {
		if next != 0 {
			next = (last + r.se()) & 0xff
		}
		if next != 0 {
			last = next
		}
	}
}

// pictureOrder skips pic_order_cnt_type and what depends on it.
func (r *bits) pictureOrder() {
	switch r.ue() {
	case 0:
		r.ue()
	case 1:
		r.read(1)
		r.se()
		r.se()
		n := r.ue()
		if n > 255 {
			r.failed = true
			return
		}
		for range n {
			r.se()
		}
	}
}

// crop reads the cropping rectangle and returns how much it takes away, in pixels.
func (r *bits) crop(chroma uint32, separate bool, fields uint32) (x, y uint64) {
	if r.read(1) == 0 {
		return 0, 0
	}
	unitX, unitY := uint64(1), uint64(1+fields)
	if !separate && (chroma == 1 || chroma == 2) {
		unitX = 2
	}
	if !separate && chroma == 1 {
		unitY *= 2
	}
	x = (uint64(r.ue()) + uint64(r.ue())) * unitX
	y = (uint64(r.ue()) + uint64(r.ue())) * unitY
	return x, y
}
